internal import CLeaseAttacks
internal import Glibc

/// A few things that the shell does well.
enum Files {
    @discardableResult
    static func shell(_ command: String) -> Bool {
        var child: pid_t = 0
        let line = command + " >/dev/null 2>&1"
        let arguments: [UnsafeMutablePointer<CChar>?] = unsafe [
            strdup("sh"), strdup("-c"), strdup(line), nil,
        ]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        guard unsafe posix_spawn(&child, "/bin/sh", nil, nil, arguments, environ) == 0 else { return false }
        return wait(child, seconds: 120) == 0
    }

    /// The exit code; -1 when the process had to be killed.
    static func wait(_ child: pid_t, seconds: Int) -> Int32 {
        var status: Int32 = 0
        for _ in 0..<(seconds * 2000) {
            let answer = unsafe waitpid(child, &status, WNOHANG)
            if answer == child { return status & 0x7f == 0 ? status >> 8 & 0xff : -1 }
            var pause = timespec(tv_sec: 0, tv_nsec: 500_000)
            unsafe nanosleep(&pause, nil)
        }
        kill(child, SIGKILL)
        unsafe waitpid(child, &status, 0)
        return -1
    }

    static func lines(of path: String) -> [String] {
        guard let file = unsafe fopen(path, "r") else { return [] }
        defer { unsafe fclose(file) }
        var lines: [String] = []
        var buffer = [CChar](repeating: 0, count: 4096)
        while unsafe fgets(&buffer, 4096, file) != nil {
            let bytes = buffer.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
            lines.append(String(decoding: bytes, as: UTF8.self))
        }
        return lines
    }

    /// The descriptor by which this process has a file open for writing; nil: it has not.
    static func ownDescriptor(of path: String) -> Int32? {
        for descriptor in Int32(3)..<1024 {
            var target = [CChar](repeating: 0, count: 4096)
            let count = unsafe readlink("/proc/self/fd/\(descriptor)", &target, 4095)
            guard count > 0 else { continue }
            let name = String(decoding: target.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if name == path, fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDWR { return descriptor }
        }
        return nil
    }

    static func name(ofError code: Int32) -> String {
        guard let name = unsafe cpm_attack_error_name(code) else { return "error \(code)" }
        return unsafe String(cString: name)
    }
}
