# Sourced by ./demo and ./test: sets PYTHON to a CPython 3.11 or 3.12 that runs, or ends with one sentence.
# A pyenv shim may exist for a version that is not selected, so each candidate is tried.
PYTHON=""
for candidate in ${FACEEDGE_PYTHON:+"$FACEEDGE_PYTHON"} python3.12 python3.11 python3 /usr/bin/python3 \
    "${PYENV_ROOT:-${HOME:-/}/.pyenv}"/versions/3.1[12]*/bin/python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' >/dev/null 2>&1; then
        PYTHON="$candidate"
        break
    fi
done
if [ -z "$PYTHON" ]; then
    echo "faceedge: no CPython 3.11 or 3.12 was found on PATH or under pyenv; install one (Debian, Ubuntu: sudo apt" \
        "install python3 python3-dev python3-venv) or set FACEEDGE_PYTHON to its path" >&2
    exit 1
fi
# What the ROS wheels leave in the environment of their children makes another Python load the wrong libraries.
if [ -n "${_ROS_WHEELS_BOOTSTRAP_COMPLETE:-}" ]; then
    unset _ROS_WHEELS_BOOTSTRAP_COMPLETE LD_LIBRARY_PATH AMENT_PREFIX_PATH
fi
