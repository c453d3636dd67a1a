import Foundation

/// One line on standard error that is written over; silent when standard error is no terminal.
final class ProgressLine {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var lastUpdate: UInt64 = 0

    func show(_ text: String) {
        guard isTerminal else { return }
        write("\r\u{1B}[K" + text)
    }

    /// A bar, redrawn at most ten times a second.
    func show(_ label: String, done: Int, of total: Int, isUrgent: Bool = false) {
        guard isTerminal else { return }
        let now = DispatchTime.now().uptimeNanoseconds
        guard isUrgent || now - lastUpdate > 100_000_000 || done == total else { return }
        lastUpdate = now
        let width = 40
        let filled = total == 0 ? width : width * done / total
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        show("[\(bar)] \(done)/\(total) \(label)")
    }

    func clear() {
        show("")
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
