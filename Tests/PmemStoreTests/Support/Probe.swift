internal import Glibc

/// Runs `faultprobe`, or another program that lies beside the tests.
enum Probe {
    /// How a process has ended, and what it has printed.
    struct Result {
        /// Its exit code, or nil.
        var code: Int32?
        /// The signal that ended it, or nil.
        var signal: Int32?
        var output: String
    }

    private static let directory: String = {
        guard let own = unsafe realpath("/proc/self/exe", nil) else { return "." }
        defer { unsafe free(own) }
        return unsafe String(cString: own).split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
    }()

    /// - Parameter environment: Added to that of this process.
    static func run(
        program: String = "faultprobe", _ arguments: [String], environment: [String] = []
    ) -> Result {
        let path = directory + "/" + program
        let output = ScratchDirectory(.volatileMemory)
        let status = spawn([path] + arguments, environment, output: output.path + "/output")
        let text = String(decoding: bytes(of: output.path + "/output"), as: UTF8.self)
        guard let status else { return Result(code: nil, signal: nil, output: "\(path) cannot be started") }
        let signal = status & 0x7f
        return Result(
            code: signal == 0 ? status >> 8 & 0xff : nil, signal: signal == 0 ? nil : signal, output: text)
    }

    private static func spawn(_ words: [String], _ environment: [String], output: String) -> Int32? {
        let arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { unsafe arguments.forEach { unsafe free($0) } }
        let added: [UnsafeMutablePointer<CChar>?] = unsafe environment.map { unsafe strdup($0) }
        defer { unsafe added.forEach { unsafe free($0) } }
        var variables: [UnsafeMutablePointer<CChar>?] = unsafe added
        var next = 0
        while let variable = unsafe environ[next] {
            unsafe variables.append(variable)
            next += 1
        }
        unsafe variables.append(nil)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var child: pid_t = 0
        guard unsafe posix_spawn(&child, words[0], &actions, nil, arguments, variables) == 0 else {
            return nil
        }
        var status: Int32 = 0
        while unsafe waitpid(child, &status, 0) < 0 && errno == EINTR {}
        return status
    }
}
