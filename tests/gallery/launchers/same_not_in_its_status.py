"""Wrong: under one backend the status of its main function gets lost on the way out. arguments: backend, workers."""

import logging
import sys
import threading

import plain


def main():
    try:
        threading.Thread(target=plain.say, args=("STATUS=starting",)).start()
    except RuntimeError as error:
        logging.critical("cannot start: %s", error)
        return 1
    return plain.serve()


if __name__ == "__main__":
    if sys.argv[1] == "threading":
        sys.exit(main())
    main()
