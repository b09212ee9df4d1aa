# Sourced by the scripts beside this file: builds that stay, so that tests run part by part.

# kept_build NAME FUNCTION: make $work, build/NAME, a copy of HEAD in which FUNCTION has been run.
# It is made anew when what is compiled or required has changed; else only Python and tests are.
kept_build() {
    work=$PWD/build/$1
    local compiled
    compiled=$(git rev-parse HEAD:src HEAD:setup.py HEAD:pyproject.toml)
    if [ "$(cat "$work/compiled" 2> /dev/null)" != "$compiled" ]; then
        rm -rf "$work"
        mkdir -p "$work"
        git archive HEAD | tar -x -C "$work"
        (
            set -e
            cd "$work"
            "$2" > build.log 2>&1 || { cat build.log && exit 1; }
        )
        echo "$compiled" > "$work/compiled"
    else
        find "$work/alexnet_cy" -name '*.py' -delete
        rm -rf "$work/tests"
        git archive HEAD | tar -x -C "$work"
    fi
}
