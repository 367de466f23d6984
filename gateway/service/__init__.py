"""The running process: settings become parts, parts become a gateway that starts, answers and stops.

Duty: hold the parts together; `wiring` alone names concrete classes. It must not know a route, a command or a
backend: of HTTP it sees `gateway.api.surface`, which it fulfils, and backends come through entry points.
"""
