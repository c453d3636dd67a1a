internal import CPmem
internal import Glibc

/// Half a millisecond, for waiting out what another process does in a few instructions.
enum ShortPause {
    static func take() {
        var pause = timespec(tv_sec: 0, tv_nsec: 500_000)
        unsafe nanosleep(&pause, nil)
    }
}
