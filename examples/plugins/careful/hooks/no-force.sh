#!/bin/sh
# The call comes as JSON. Exit code 2 keeps it from being done, and what is on stderr says why.
call=$(cat)
case $call in
    *"git push"*--force* | *"git push -f"*)
        echo "nothing is pushed by force here: push a new branch" >&2
        exit 2
        ;;
esac
