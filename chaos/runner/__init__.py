"""Run one case as a fresh process tree and write down what was seen. Facts only: nothing here judges.

``pool`` (in the caller) keeps one ``host`` process a job; a host forks one ``supervise``-ing process a case. Only this
package creates processes, and only the supervisor and the host kill.
"""
