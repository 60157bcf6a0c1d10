import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `main` takes over, Ctrl-C ends the process without a traceback

from mlpnas.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
