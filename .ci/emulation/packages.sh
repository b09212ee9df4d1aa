# Sourced by the scripts beside this folder: tell which Debian packages are missing.

missing=()

# require COMMAND-OR-FILE PACKAGE
require() {
    command -v "$1" > /dev/null || [ -e "$1" ] || missing+=("$2")
}

end_if_missing() {
    [ ${#missing[@]} -eq 0 ] && return
    echo "missing; on Debian: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 2
}
