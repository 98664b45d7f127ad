#!/bin/sh
# The tests of sum.sh. Ends with status 1 if one fails.

failed=0
check() {
    expected=$1
    shift
    got=$(sh sum.sh "$@")
    if [ "$got" = "$expected" ]; then
        echo "ok    sum of [$*] is $expected"
    else
        echo "FAIL  sum of [$*]: expected $expected, got $got"
        failed=1
    fi
}

check 0
check 7 7
check 6 1 2 3
check 0 5 -5
[ "$failed" = 0 ] && echo "all tests passed"
exit "$failed"
