"""Wrong: its worker, a fresh interpreter, fails at once because its settings are missing, and is born again for ever."""

import multiprocessing
import time


def work():
    with open("/no/such/settings") as settings:
        print(settings.read())


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    while True:
        worker = context.Process(target=work)
        worker.start()
        worker.join()
        time.sleep(0.05)
