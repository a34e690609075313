"""The safeguards of the sample: the text that makes each, what stands there without it, and the case that shows it.

Data only. A `Check` says what the sample answers to a case while the safeguard is there: the verdict is a pass, and it
ends as `ends` says. `says` is a regular expression for its CRITICAL line. Where a promise is kept without the safeguard
too (another one stands behind it), the poorer answer shows: another status, or a line without the cause. Where only
chance would let a case show it (two threads at once), or no case can (what a stop costs; what stood on the command line
before the target could hide it), a test of the sample does.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """`ends`: the exit status, or the name of the signal; None: any. `within_s`: seconds after exec; None: any."""

    case: str
    ends: int | str | None = None
    says: str = ""
    within_s: float | None = None


@dataclass(frozen=True, slots=True)
class Safeguard:
    """`text` stands once in `file` of the sample; with `instead` in its place the safeguard is gone. `tests`: node ids,
    from tests/sample, of tests that fail then."""

    name: str
    file: str
    text: str
    instead: str
    checks: tuple[Check, ...] = ()
    tests: tuple[str, ...] = ()


ALL_DEFAULTS = "scheduler/threading/w1/service.create@parent#1=delay:0.3"
FAILS_IN_START = "scheduler/eventlet/w2/service.start@worker=raise:RuntimeError"
WAITS = "test_broker.py::test_a_wait_for_a_broker_that_refuses_has_a_bound_and_says_for_what_and_how_long_still"
SPAWNED = "config.file@parent#1=set:DEFAULT:start_method:spawn"
SLASH_IN_PASSWORD = "rabbit%3A%2F%2Fa%3Ab%252Fc%40127.0.0.1%3A1%2F"

SAFEGUARDS: tuple[Safeguard, ...] = (
    # --- launcher.py ---
    Safeguard(
        "imports have a deadline",
        "launcher.py",
        "    faulthandler.dump_traceback_later(IMPORTS_S, exit=True, file=2)",
        "    pass",
        (Check("scheduler/threading/w1/config.parse@parent#1=stall", 1),),
    ),
    Safeguard(
        "SIGINT ends the process from the first line on",
        "launcher.py",
        "        signal.signal(number, signal.SIG_DFL)",
        "        pass",
        (Check("scheduler/threading/w1/service.create@parent#1=signal:INT", "SIGINT"),),
    ),
    Safeguard(
        "SIGHUP does nothing before the launcher is made",
        "launcher.py",
        "    signal.signal(signal.SIGHUP, signal.SIG_IGN)\n",
        "",
        (Check("scheduler/threading/w1/service.create@parent#1=signal:HUP", 0),),
    ),
    Safeguard(
        "closed standard streams are opened",
        "launcher.py",
        "    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:\n        os.set_inheritable(spare, True)\n",
        "    spare = os.open(os.devnull, os.O_RDWR)\n",
        (Check("scheduler/threading/w2/process.image@parent#1=close", 0),),
    ),
    Safeguard(
        "a log that nobody reads blocks nobody",
        "launcher.py",
        "            os.dup2(unblocked, stream)\n",
        "",
        (Check("scheduler/threading/w2/process.image@parent#1=fill", 0),),
    ),
    Safeguard(
        "a log that goes to a socket which nobody reads blocks nobody",
        "launcher.py",
        "            os.set_blocking(stream, False)\n",
        "            pass\n",
        (Check("scheduler/threading/w2/process.image@parent#1=fill:socket", 0),),
    ),
    Safeguard(
        "what fails before the log exists is said in its format",
        "launcher.py",
        "    except Exception as error:\n        return refused(error)",
        "    except ConnectionError as error:\n        return refused(error)",
        (
            Check(
                "scheduler/threading/w1/config.parse@parent#1=raise:oslo_config.cfg.ConfigFileParseError",
                says="start failed: .*chaos-",
            ),
        ),
    ),
    Safeguard(
        "a full disk does not change the status of a refusal",
        "processes.py",
        "    with contextlib.suppress(OSError):  # a full disk",
        "    with contextlib.nullcontext():  # a full disk",
        (Check("scheduler/threading/w1/process.image@parent#1=full+config.file@parent#1=missing", 78),),
    ),
    Safeguard(
        "cotyledon's SystemExit is a value of wait()",
        "launcher.py",
        "    except SystemExit as end:",
        "    except ConnectionError as end:",
        (Check("scheduler/threading/w2/launcher.wait@parent#1=exit:0", 70, "SystemExit|status 0"),),
    ),
    Safeguard(
        "signals are held while the launcher is made",
        "launcher.py",
        "    with watch.signals_held():",
        "    with contextlib.nullcontext():",
        (Check("scheduler/threading/w1/title.set@parent#1=signal:TERM", 143),),
    ),
    Safeguard(
        "the transport's URL is checked before anybody uses it",
        "launcher.py",
        "        config.check_transport_url(conf)\n",
        "",
        (Check("scheduler/threading/w1/config.file@parent#1=unquoted", 78),),
    ),
    # --- broker.py, and what goes with it; the cases on a real transport need RabbitMQ ---
    Safeguard(
        "the broker is waited for before anything is started",
        "launcher.py",
        "        broker.wait_for(conf)\n",
        "",
        (Check("scheduler/threading/w2-rabbit/amqp.connect=refuse", 75, "no broker at 127"),),
        tests=(WAITS,),
    ),
    Safeguard(
        "the wait for the broker takes nothing from the time of the start",
        "launcher.py",
        "        broker.wait_for(conf)\n        watch.begin()\n",
        "        watch.begin()\n        broker.wait_for(conf)\n",
        tests=(WAITS,),
    ),
    Safeguard(
        "a start has a deadline",
        "launcher.py",
        "        watch.begin()\n",
        "",
        (Check("scheduler/threading/w2/service.start@worker=freeze", 75, "not up in time"),),
    ),
    Safeguard(
        "the wait for the broker has a bound",
        "broker.py",
        "        if left_s <= 0:\n",
        "        if False:\n",
        (Check("scheduler/eventlet/w1-rabbit/amqp.connect=blackhole", 75, "no broker at 127"),),
        tests=(WAITS,),
    ),
    Safeguard(
        "the timer in C goes by the bound of the wait",
        "broker.py",
        "    processes.end_after(within_s + LATER_S)\n",
        "",
        (Check("scheduler/threading/w1-rabbit/amqp.connect=refuse", 75, "no broker at 127"),),
    ),
    Safeguard(
        "whoever waits for the broker says so, for which, and how long still",
        "broker.py",
        '        LOG.warning("waiting',
        '        LOG.debug("waiting',
        tests=(WAITS,),
    ),
    Safeguard(
        "what takes for ever does so beside the main thread, which keeps the time",
        "broker.py",
        '    threading.Thread(target=ask, name="broker", daemon=True).start()\n',
        "    ask()\n",
        (Check("scheduler/threading/w1-rabbit/amqp.connect=refuse", 75, "no broker at 127"),),
        tests=(WAITS,),
    ),
    Safeguard(
        "a deadline that passed has the status of what may work another time",
        "exits.py",
        "        case OutOfTime():\n            return os.EX_TEMPFAIL\n",
        "",
        (Check("scheduler/threading/w1/rpc.connect@worker=blackhole", 75, "NotServing"),),
        tests=(WAITS,),
    ),
    Safeguard(
        "a deadline that passed is one line, without a traceback that says nothing",
        "startup.py",
        "        if not isinstance(error, ConfigError | OutOfTime):",
        "        if not isinstance(error, ConfigError):",
        tests=(WAITS,),
    ),
    # --- concurrency.py, config.py, logs.py ---
    Safeguard(
        "patching is checked",
        "concurrency.py",
        '        if not eventlet.patcher.is_monkey_patched("thread"):',
        "        if False:",
        (Check("scheduler/eventlet/w1/patch.apply@parent=return:None", 70),),
    ),
    Safeguard(
        "a forked process leaves its parent's hub",
        "startup.py",
        "            concurrency.leave_parents_hub()\n",
        "",
        tests=("test_watch.py::test_a_forked_worker_that_waits_at_once_does_not_run_its_parents_greenthreads",),
    ),
    Safeguard(
        "a configuration file that cannot be read is a configuration error",
        "config.py",
        "(cfg.Error, ValueError, IsADirectoryError, PermissionError)",
        "(cfg.Error, ValueError)",
        (Check("scheduler/threading/w1/config.file@parent#1=unreadable", 78),),
    ),
    Safeguard(
        "a line that is no option is not quoted: it may be a secret",
        "config.py",
        "SPOILT_LINE.sub(MASK, str(error))",
        "str(error)",
        (Check("scheduler/threading/w1/config.file@parent#1=malformed", 78),),
    ),
    Safeguard(
        "the value of a secret option is not quoted",
        "config.py",
        """bad and bad[1].replace("_", "-") in""",
        "False and bad in",
        tests=("test_scheduler.py::test_a_bad_value_of_a_secret_option_is_not_shown_wherever_it_stands",),
    ),
    Safeguard(
        "a machine that does not know its number of processors has one",
        "config.py",
        "os.cpu_count() or 1",
        "os.cpu_count()",
        (Check("scheduler/threading/w1/cpu.count@parent=return:None", 0),),
    ),
    Safeguard(
        "the worker count is bounded",
        "config.py",
        "min(conf.workers, bound.workers)",
        "conf.workers",
        (Check("scheduler/threading/w1/workers.count@parent#1=set:40", 0),),
    ),
    Safeguard(
        "what cannot be parsed is not quoted: it may be a piece of a password",
        "config.py",
        """re.sub("'.*'", MASK, Redactor.of_url(conf.transport_url)(" ".join(str(error).split())))""",
        "str(error)",
        (Check("scheduler/threading/w1/config.file@parent#1=unquoted", 78),),
    ),
    Safeguard(
        "a password that the rabbit driver would take for another is refused",
        "config.py",
        "if is_rabbit(conf.transport_url) and any(",
        "if False and any(",
        (Check(f"scheduler/threading/w1/config.file@parent#1=set:DEFAULT:transport_url:{SLASH_IN_PASSWORD}", 78),),
    ),
    Safeguard(
        "a log file that cannot be written to is a configuration error",
        "logs.py",
        "    except OSError as error:\n",
        "    except InterruptedError as error:\n",
        (
            Check("scheduler/threading/w1/log.file@parent#1=missing", 78, "log cannot be written to"),
            Check("scheduler/eventlet/w2/log.file@parent#1=unwritable", 78, "log cannot be written to"),
        ),
    ),
    Safeguard(
        "every line of the log is redacted",
        "logs.py",
        "        handler.setFormatter(RedactingFormatter(handler.formatter or logging.Formatter(FALLBACK_FORMAT), redact))\n",
        "        pass\n",
        (  # at level DEBUG oslo.service's launchers log every option; this one has the password by mistake
            Check(
                "scheduler/eventlet/w1/config.file@parent#1=set:DEFAULT:debug:true"
                "+config.file@parent#1=set:DEFAULT:topic:%7Bquoted.transport%7D",
                0,
            ),
        ),
    ),
    Safeguard(
        "handlers of every logger are seen to, not the root's alone",
        "logs.py",
        "[logging.root, *logging.root.manager.loggerDict.values()]",
        "[logging.root]",
        tests=(
            "test_logs.py::test_lines_of_a_logger_that_has_handlers_of_its_own_are_redacted",
            "test_logs.py::test_a_forked_worker_has_locks_of_its_own_for_those_handlers_too",
        ),
    ),
    Safeguard(
        "a configuration of the log that cannot be used is a configuration error",
        "logs.py",
        "(oslo_log.LogConfigError, cfg.Error)",
        "InterruptedError",
        tests=("test_logs.py::test_a_configuration_of_the_log_that_cannot_be_used_is_a_configuration_error",),
    ),
    Safeguard(
        "a line of the log's configuration is not quoted: it may hold a secret",
        "logs.py",
        'QUOTED_LINE.sub(r"\\1", in_one_line(error))',
        "in_one_line(error)",
        tests=("test_logs.py::test_a_line_that_is_no_option_of_the_logs_configuration_is_not_shown",),
    ),
    Safeguard(
        "the traceback that is kept beside the line is redacted",
        "redaction.py",
        "            record.exc_text = self._redact(record.exc_text)\n",
        "            pass\n",
        tests=("test_scheduler.py::test_a_traceback_that_is_kept_for_the_journal_is_redacted_too",),
    ),
    Safeguard(
        "the last error that was logged is kept",
        "logs.py",
        "    root.handlers.insert(0, LastError())",
        "    pass",
        (
            Check(
                "scheduler/threading/w1/rpc.poll@worker=raise:ConnectionResetError:ECONNRESET",
                75,
                "last error logged: .*chaos-",
            ),
        ),
    ),
    # --- startup.py: the parent's watch ---
    Safeguard(
        "the last error is kept before a handler can fail",
        "logs.py",
        "    root.handlers.insert(0, LastError())",
        "    root.addHandler(LastError())",
        (
            Check(
                "scheduler/eventlet/w2/rpc.dispatch@worker#1=raise:RuntimeError+logging.emit@worker#1=raise:OSError:ENOSPC"
            ),
        ),
    ),
    Safeguard(
        "READY=1 of the libraries is not sent",
        "startup.py",
        'os.environ.pop("NOTIFY_SOCKET", "")',
        'os.environ.get("NOTIFY_SOCKET", "")',
        (Check(FAILS_IN_START, 70),),
    ),
    Safeguard(
        "the timer in C goes by the deadline of the start",
        "startup.py",
        "        processes.end_after(self._deadline_s + 2 * WATCH_LATER_S)\n",
        "",
        (
            Check(
                "scheduler/threading/w1/config.file@parent#1=set:DEFAULT:startup_deadline:9"
                "+service.create@parent#1=delay:6.5",
                0,
            ),
        ),
    ),
    Safeguard(
        "a watch that cannot start is a failure with its cause",
        "startup.py",
        "        except BaseException as error:  # __exit__ does not see what is raised here",
        "        except ConnectionError as error:",
        (Check("scheduler/threading/w1/thread.spawn@parent#1=raise:RuntimeError", 75, "start failed: .*chaos-"),),
    ),
    Safeguard(
        "an error in the block of the watch gets a status and a CRITICAL line",
        "startup.py",
        "        if error is not None:\n            self.fail(",
        "        if False:\n            self.fail(",
        (Check("scheduler/threading/w1/service.create@parent#1=raise:RuntimeError", 70, "start failed: .*chaos-"),),
    ),
    Safeguard(
        "the end of wait() is a success only after a stop",
        "startup.py",
        "        if not self._stopping or not (waited",
        "        if self._stopping and not (waited",
        (Check("scheduler/threading/w2/launcher.wait@parent#1=return:0", 70, "nobody told it to stop"),),
    ),
    Safeguard(
        "a stop before readiness is no success",
        "startup.py",
        "return waited or STOPPED_EARLY",
        "return waited or os.EX_OK",
        (Check("scheduler/threading/w1/service.start@worker#1=signal:TERM:parent", 143),),
    ),
    Safeguard(
        "what workers said last is heard before the status is given",
        "startup.py",
        "        self._lifeline.tell(Word.ENDED)  # the watch ends when it has heard what the workers said before\n"
        "        self._thread.join()\n",
        "",
        tests=("test_watch.py::test_what_a_worker_says_as_it_stops_decides_the_status_though_it_is_heard_late",),
    ),
    Safeguard(
        "eventlet's launchers are listened to in wait()",
        "startup.py",
        "            launcher.handle_signal = self._listening(launcher.handle_signal)",
        "            self._launcher_waits = True",
        (Check("scheduler/eventlet/w1/service.create@parent#1=delay:0.3", 0),),
    ),
    Safeguard(
        "a master that forks is up when its loop has come round",
        "startup.py",
        '"_wait_child" if forks else "handle_signal"',
        '"handle_signal"',
        (Check("scheduler/eventlet/w2/process.reap@parent#1=stall", 75, "wait\\(\\) was not reached"),),
    ),
    Safeguard(
        "a launcher that stops itself says why",
        "startup.py",
        "        launcher.stop = self._only_when_told(launcher.stop)\n",
        "",
        (Check("scheduler/threading/w1/thread.spawn@parent#2=raise:RuntimeError", 75, "chaos-"),),
    ),
    Safeguard(
        "SIGINT keeps its default",
        "startup.py",
        "        signal.signal(signal.SIGINT, signal.SIG_DFL)\n",
        "",
        (Check("scheduler/threading/w2/service.start@worker#1=signal:INT:parent", "SIGINT"),),
    ),
    Safeguard(
        "SIGHUP keeps doing nothing",
        "startup.py",
        "        signal.signal(signal.SIGHUP, signal.SIG_IGN)\n",
        "",
        (Check("scheduler/eventlet/w2/rpc.listen@worker#1=signal:HUP:parent", 0),),
    ),
    Safeguard(
        "a timer in C ends a parent that is frozen on its way down",
        "startup.py",
        "                self._stopping = True\n                processes.end_after(STOP_S + WATCH_LATER_S)\n",
        "                self._stopping = True\n",
        (Check("scheduler/eventlet/w1/rpc.server.stop@parent=freeze", 1),),
    ),
    Safeguard(
        "a stop has a deadline",
        "startup.py",
        "                self._until = time.monotonic() + STOP_S\n",
        "                pass\n",
        (Check("scheduler/eventlet/w1/rpc.server.stop@parent=stall", 75, "stop failed: "),),
    ),
    Safeguard(
        "the end of any thread by an exception is a failure",
        "startup.py",
        "            fail_with_any_thread(self.fail)\n",
        "",
        (Check("scheduler/threading/w2/process.fork@parent#1=raise:BlockingIOError:EAGAIN", 75, "chaos-"),),
    ),
    Safeguard(
        "multiprocessing's children report their last words",
        "startup.py",
        "            multiprocessing.util.register_after_fork(self._lifeline, report_last_words)\n",
        "",
        (Check("scheduler/threading/w1/process.body@worker=raise:RuntimeError", 70, "chaos-"),),
    ),
    Safeguard(
        "a forked worker reports its birth",
        "startup.py",
        "            os.register_at_fork(after_in_child=self._after_fork)\n",
        "",
        (Check(ALL_DEFAULTS, 0),),
    ),
    Safeguard(
        "a forked worker is tied to its parent before it can block",
        "startup.py",
        "            self._lifeline.born()  # before anything that can block: it ties this process to its parent\n"
        "            concurrency.leave_parents_hub()\n"
        "            logs.renew_locks()\n",
        "            concurrency.leave_parents_hub()\n            logs.renew_locks()\n            self._lifeline.born()\n",
        (Check("scheduler/eventlet/w2/pipe.create@worker#1=stall", 75),),
    ),
    Safeguard(
        "a worker does not take the reports that are for its parent",
        "startup.py",
        "            if os.getpid() != self._pid:  # under eventlet",
        "            if False:  # under eventlet",
        (Check("scheduler/eventlet/w2/hub.create@worker#1=stall", 75, r"do not serve: worker \d \(pid \d+\)$"),),
    ),
    Safeguard(
        "a worker that fails before it is on its own does not use its parent's log",
        "startup.py",
        'self._lifeline.fail(Failure("fork", status_of(error), f"fork: {in_one_line(error)}"))',
        'self.fail("fork", error)',
        tests=("test_watch.py::test_a_worker_that_fails_before_it_is_on_its_own_tells_its_parent_and_not_the_log",),
    ),
    Safeguard(
        "a worker that dies while it logs does not silence its parent",
        "startup.py",
        "            logs.renew_locks()\n",
        "",
        (Check("scheduler/eventlet/w2/rpc.listen@worker.0#1=raise:RuntimeError+logging.emit@worker.0#1=kill", 70),),
    ),
    Safeguard(
        "the watch's thread does not take signals that are held back",
        "startup.py",
        "            with self.signals_held():  # the thread",
        "            with contextlib.nullcontext():  # the thread",
        tests=("test_watch.py::test_the_watchs_thread_holds_back_what_the_main_thread_holds_back_later",),
    ),
    Safeguard(
        "only the parent holds its own life",
        "startup.py",
        "            os.close(self._life)\n",
        "",
        (Check("scheduler/eventlet/w2/service.start@worker.0=freeze+service.start@worker.1=signal:KILL:parent"),),
    ),
    Safeguard(
        "a worker that dies before it serves ends the start",
        "startup.py",
        "        if not worker.ready or not self._announced:\n",
        "        if False:\n",
        (Check("scheduler/eventlet/w2/process.body@worker#1=kill", 70),),
    ),
    Safeguard(
        "READY=1 does not go out while a worker is on its way down",
        "startup.py",
        "            self._roll = self._roll.with_leaving(pid)\n",
        "            pass\n",
        tests=("test_watch.py::test_a_worker_on_its_way_down_is_not_up_though_it_serves",),
    ),
    Safeguard(
        "who is told to stop as it comes up is not up",
        "startup.py",
        "replace(worker, ready=not worker.leaving)",
        "replace(worker, ready=True)",
        tests=("test_watch.py::test_a_worker_on_its_way_down_is_not_up_though_it_serves",),
    ),
    Safeguard(
        "the watch has a deadline",
        "startup.py",
        "        elif late:\n",
        "        elif late and self._announced:\n",
        (Check("scheduler/threading/w2/service.start@worker=freeze", 75, "not up in time"),),
    ),
    Safeguard(
        "not ready before the launcher waits",
        "startup.py",
        "if not (self._launcher_waits and self._roll.is_complete()):",
        "if not self._roll.is_complete():",
        (Check("scheduler/eventlet/w2/launcher.wait@parent=stall", 75, "wait\\(\\) was not reached"),),
    ),
    Safeguard(
        "what fails at once when all serve was never up",
        "startup.py",
        "time.monotonic() + SETTLE_S",
        "time.monotonic()",
        (  # the last worker is ready, and fails a moment later
            Check(
                "scheduler/threading/w2/service.wait@worker.1#1=delay:0.3"
                "+service.wait@worker.1#2=delay:0.05+service.wait@worker.1#2=raise:RuntimeError",
                70,
            ),
        ),
    ),
    Safeguard(
        "a dead timer is no end of the periodic tasks",
        "service.py",
        "        except Exception:\n            LOG.exception(",
        "        except ConnectionError:\n            LOG.exception(",
        (
            Check("scheduler/threading/w2/periodic.run@worker#1=raise:RuntimeError", 0),
            Check("scheduler/eventlet/w2/periodic.run@worker#1=raise:RuntimeError", 0),
        ),
        tests=("test_scheduler.py::test_periodic_tasks_that_fail_are_tried_again",),
    ),
    Safeguard(
        "the timer in C runs until systemd was told",
        "startup.py",
        '        _notify(self._notify_socket, b"READY=1")\n        self._announced = True\n',
        "        faulthandler.cancel_dump_traceback_later()\n"
        '        _notify(self._notify_socket, b"READY=1")\n'
        "        self._announced = True\n",
        (Check("scheduler/eventlet/w1/socket.create@parent=stall", 1),),
    ),
    Safeguard(
        "a notify socket that is gone ends no service that serves",
        "startup.py",
        "    except (FileNotFoundError, ConnectionRefusedError) as error:",
        "    except InterruptedError as error:",
        (Check("scheduler/threading/w1/notify.socket@parent#1=gone", 0),),
    ),
    Safeguard(
        "a stop that failed in a worker is no success",
        "startup.py",
        "            self._stop_failure = failure\n",
        "            pass\n",
        (Check("scheduler/eventlet/w2/rpc.server.stop@worker=raise:RuntimeError", 70, "stop failed: .*chaos-"),),
    ),
    Safeguard(
        "a log that blocks does not keep the last line's process",
        "startup.py",
        "        processes.end_after(LOG_S)\n",
        "        pass\n",
        (
            Check(
                "scheduler/threading/w1/service.create@parent#1=raise:RuntimeError+logging.emit@parent#3=stall",
                1,
                within_s=4.5,
            ),
        ),
    ),
    # --- reporting.py and reports.py: the worker's side ---
    Safeguard(
        "a spawned worker is tied to its parent, and heard of",
        "reporting.py",
        "    lifeline.born()\n    fail =",
        "    fail =",
        (Check(f"scheduler/threading/w2/{SPAWNED}+service.start@worker=freeze", 75),),
    ),
    Safeguard(
        "a spawned worker that cannot take its service over says why",
        "reporting.py",
        "    except BaseException as error:  # multiprocessing would print it, and cotyledon start the worker again",
        "    except InterruptedError as error:",
        (Check(f"scheduler/threading/w2/{SPAWNED}+logging.setup@worker=raise:OSError:ENOSPC", 78, "chaos-"),),
    ),
    Safeguard(
        "a spawned worker's threads do not die unheard",
        "reporting.py",
        "    fail_with_any_thread(fail)\n    show",
        "    show",
        (Check(f"scheduler/threading/w1/{SPAWNED}+thread.body@worker=raise:RuntimeError", 70, "chaos-"),),
    ),
    Safeguard(
        "a spawned worker reports its last words",
        "reporting.py",
        "    report_last_words(lifeline)\n    try:",
        "    try:",
        (Check(f"scheduler/threading/w1/{SPAWNED}+process.body@worker=raise:RuntimeError", 70, "chaos-"),),
    ),
    Safeguard(
        "held signals are let go in a forked worker",
        "reporting.py",
        "            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)",
        "            pass",
        (Check("scheduler/eventlet/w2/service.create@parent#1=delay:0.3", 0),),
    ),
    Safeguard(
        "SIGHUP does nothing to a worker either",
        "reporting.py",
        "            signal.signal(signal.SIGHUP, signal.SIG_IGN)\n",
        "            pass\n",
        (Check("scheduler/eventlet/w2/rpc.listen@worker#1=signal:HUP", 0),),
    ),
    Safeguard(
        "a worker of cotyledon's holds it back",
        "reporting.py",
        "    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})\n",
        "    pass\n",
        (Check("scheduler/threading/w2/rpc.listen@worker#1=signal:HUP", 0),
         Check(f"scheduler/threading/w1/{SPAWNED}+rpc.listen@worker#1=signal:HUP", 0)),
    ),
    Safeguard(
        "a SIGINT to a worker that is just born is not forgotten",
        "reports.py",
        "HELD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)",
        "HELD = (signal.SIGTERM, signal.SIGHUP)",
        (Check("scheduler/eventlet/w2/process.body@worker#1=signal:INT", 70),),
    ),
    Safeguard(
        "a worker is ready when its wait() was entered",
        "reporting.py",
        "        if self._started and self._waiting and not self._stopping:",
        "        if self._started and not self._stopping:",
        (
            Check("scheduler/eventlet/w2/service.wait@worker=stall", 75),
            Check("scheduler/threading/w1/service.wait@worker=raise:RuntimeError", 70),
        ),
    ),
    Safeguard(
        "an error that a launcher forgets is reported by stop()",
        "reporting.py",
        '            self._fail("service", error)',
        "            pass",
        (Check(FAILS_IN_START, 70, "RuntimeError: .*chaos-"),),
    ),
    Safeguard(
        "SystemExit does not hide the error in whose place it was raised",
        "reporting.py",
        "return error.__context__ or error if isinstance(error, SystemExit) else error",
        "return error",
        (Check(FAILS_IN_START, 70, "RuntimeError: .*chaos-"),),
    ),
    Safeguard(
        "errors of the service are reported and end the worker",
        "reporting.py",
        "            self._fail(where, error)\n",
        "            raise\n",
        (Check("scheduler/threading/w1/rpc.connect@worker=refuse", 69, "ConnectionRefusedError"),),
    ),
    Safeguard(
        "a worker has its own deadline",
        "reporting.py",
        ", self._deadline(timeout_s):",
        ":",
        (Check("scheduler/threading/w1/rpc.connect@worker=blackhole", 75, "NotServing"),),
    ),
    Safeguard(
        "a worker is ready when it has answered a call",
        "reporting.py",
        "            self._inner.check_serving()\n",
        "",
        (Check("scheduler/threading/w1/rpc.dispatch@worker=stall", 75, "NotServing"),),
    ),
    Safeguard(
        "a worker dies with its parent",
        "reports.py",
        '        processes.die_with(f"/proc/self/fd/{self.life}")\n',
        "",
        (Check("scheduler/threading/w2/service.start@worker=freeze", 75),),
    ),
    Safeguard(
        "a worker that cannot tell why it fails says so in the log",
        "reports.py",
        "            processes.say(f",
        "            str(f",
        (
            Check(
                "scheduler/threading/w1/chaos.sample.reports:Lifeline.tell,posix:write@worker=raise:OSError:EMFILE",
                says="not up in time",
            ),
        ),
    ),
    Safeguard(
        "a worker that dies unheard is not replaced again and again",
        "reports.py",
        "            signal.sigtimedwait((), UNHEARD_S)",
        "            pass",
        (
            Check(
                "scheduler/eventlet/w2/chaos.sample.reports:Lifeline.tell,posix:write@worker=raise:OSError:EMFILE", 75
            ),
        ),
    ),
    Safeguard(
        "reading reports never waits",
        "reports.py",
        "while more := posix.read(",
        "while more := os.read(",
        (Check("scheduler/eventlet/w2/service.create@parent#1=delay:0.3", 0),),
    ),
    # --- processes.py ---
    Safeguard(
        "a worker that was reaped before it was heard of counts as dead",
        "processes.py",
        '        return "died" if pidfd is None else ""',
        '        return ""',
        (Check("scheduler/eventlet/w4/process.body@worker.0#1=kill", 70),),
    ),
    Safeguard(
        "a timer that cannot be started is done without",
        "processes.py",
        "    except RuntimeError:  # no thread can be started",
        "    except ConnectionError:  # no thread can be started",
        (Check("scheduler/eventlet/w1/launcher.launch@parent#1=limit:nproc", 0),),
    ),
    # --- what only a test of the sample shows ---
    Safeguard(
        "a password on the command line does not stay there",
        "launcher.py",
        "    hide_secrets_of_arguments(redact)\n",
        "",
        tests=("test_outside.py::test_a_password_on_the_command_line_does_not_stay_there",),
    ),
    Safeguard(
        "one thread alone gives up",
        "startup.py",
        "        if not self._ending.acquire(blocking=False):\n            _stand_aside()\n",
        "",
        tests=("test_watch.py::test_of_two_threads_that_give_up_at_once_only_the_first_is_heard",),
    ),
    Safeguard(
        "a worker that says why as it ends is heard",
        "startup.py",
        "            self._hear_all()  # again: a worker says why before it ends\n",
        "",
        tests=("test_watch.py::test_a_worker_that_says_why_as_it_ends_is_heard_before_its_end_is_judged",),
    ),
    Safeguard(
        "a SIGHUP between two handlers does nothing",
        "startup.py",
        "            with self.signals_held():  # a SIGHUP in between would have the service reset, now and then\n",
        "            if True:\n",
        tests=("test_watch.py::test_a_sighup_while_the_launcher_sets_its_handlers_is_ignored_like_any_other",),
    ),
    Safeguard(
        "no signal is handed to the timer's thread",
        "processes.py",
        "    held = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n",
        "    held = signal.pthread_sigmask(signal.SIG_BLOCK, ())\n",
        tests=("test_watch.py::test_a_timers_thread_is_not_there_for_the_signals_that_the_main_thread_holds_back",),
    ),
    Safeguard(
        "the watch rests while it stops",
        "startup.py",
        "    return until if stopping else min(until, settled)",
        "    return min(until, settled)",
        tests=("test_outside.py::test_a_stop_that_takes_a_second_keeps_no_processor_busy",),
    ),
    Safeguard(
        "the parent rests while its workers stop",
        "startup.py",
        "                time.sleep(REST_S)\n",
        "                pass\n",
        tests=("test_outside.py::test_a_worker_that_does_not_stop_keeps_no_processor_busy",),
    ),
    Safeguard(
        "stacks are shown wherever the standard error leads",
        "processes.py",
        "            with contextlib.suppress(OSError):  # not os.write: eventlet's waits in the hub, "
        "and raises for /dev/null\n"
        '                posix.write(STDERR, f"Greenthread',
        '            if True:\n                os.write(STDERR, f"Greenthread',
        tests=("test_outside.py::test_a_worker_that_does_not_stop_keeps_no_processor_busy",),
    ),
)
