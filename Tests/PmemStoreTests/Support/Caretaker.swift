internal import Glibc

/// A process of its own that waits until this one has ended, however it has ended, and then unmounts and removes what
/// its tests have left. It begins with what dead processes have left before.
enum Caretaker {
    /// True when it runs. In the guest nothing outlives the guest.
    static let isAtWork = Guest.isHere || start()

    /// What the shell runs. Its standard input is a pipe that ends when this process does.
    private static let script = """
        trap '' INT TERM HUP
        sweep() {
            for directory in /var/tmp/pmemstore-test-$1-* /dev/shm/pmemstore-test-$1-*; do
                [ -d "$directory" ] || continue
                [ ! -d "$directory/mounted" ] || umount "$directory/mounted" || umount -l "$directory/mounted"
                chattr -R -i -a "$directory"
                rm -rf --one-file-system "$directory"
            done
        }
        for directory in /var/tmp/pmemstore-test-* /dev/shm/pmemstore-test-*; do
            process=${directory#*/pmemstore-test-}
            process=${process%%-*}
            case $process in *[!0-9]*) continue ;; esac
            [ -d "/proc/$process" ] || sweep "$process"
        done
        cat
        sweep $0
        """

    private static func start() -> Bool {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else { return false }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        // Whoever waits for the end of what the tests print must not wait for the caretaker.
        for output in Int32(1)...2 {
            unsafe posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0)
        }
        let arguments: [UnsafeMutablePointer<CChar>?] = unsafe [
            strdup("sh"), strdup("-c"), strdup(script), strdup("\(getpid())"), nil,
        ]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        // Whoever kills this process with all of its group must not kill the caretaker.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, 0x80 /* POSIX_SPAWN_SETSID */)
        var child: pid_t = 0
        return unsafe posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ) == 0
    }
}
