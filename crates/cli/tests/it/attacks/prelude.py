# What every Python attack begins with: system calls by number, and their errors by name.
import ctypes, errno, os, socket, struct, sys

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
X86 = os.uname().machine == "x86_64"
E = os.environ.get
MARK = E("MARK", "")


def raw(number, *arguments):
    """A system call: its result, or minus the error's number."""
    words = []
    for argument in arguments:
        if isinstance(argument, str):
            argument = argument.encode()
        if isinstance(argument, int):
            argument = ctypes.c_long(argument)
        words.append(argument)
    ctypes.set_errno(0)
    result = _libc.syscall(ctypes.c_long(number), *words)
    return -ctypes.get_errno() if result == -1 else result


def got(result, *reached):
    """Says GOT if the call succeeded, or failed with an error that proves that it was let through."""
    if result >= 0 or -result in reached:
        print("GOT", result)
    else:
        print("refused:", errno.errorcode.get(-result, result))
    return result


def nr(x86, arm):
    return x86 if X86 else arm


def attempt(function, *arguments):
    """Says GOT if the function did not raise."""
    try:
        result = function(*arguments)
        print("GOT", result)
        return result
    except OSError as error:
        print("refused:", error)
        return None

