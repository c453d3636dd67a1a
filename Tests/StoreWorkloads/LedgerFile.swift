internal import Glibc

/// A text file that outlives its process: each line is handed to the kernel before the next step is taken.
public final class LedgerFile: Sendable {
    private let descriptor: Int32

    /// Opens the file for more lines; makes it where it is not there.
    public init(_ path: String) {
        descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        precondition(descriptor >= 0, "no ledger at \(path)")
    }

    deinit { close(descriptor) }

    /// Appends a line. A kill leaves all of it or a part that does not end in a line feed.
    public func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        let written = unsafe Glibc.write(descriptor, bytes, bytes.count)
        precondition(written == bytes.count, "the ledger takes no more")
    }
}
