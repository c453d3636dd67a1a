/// What every read through a ``SimulatedMemory`` touches: behind one pointer, because properties of a class are checked
/// for exclusive access, which took half of all time.
@safe struct ReadState {
    var count = 0
    /// The fate of pending units is open, or reads are watched.
    var isOpen = false
    /// Lines that are read are kept, or some cannot be read.
    var isWatched = false
    /// Number of the future that is run.
    var run: UInt32 = 0
    /// Lines of which the fate is open.
    var openLines = 0
    private let lineCount: Int
    /// By line: 1 where units are pending, and the run that last decided about it or wrote it.
    let pending: UnsafeMutablePointer<UInt8>
    let closed: UnsafeMutablePointer<UInt32>

    init(lines: Int) {
        lineCount = lines
        unsafe pending = unsafe Virtual.allocate(UInt8.self, count: lines)
        unsafe closed = unsafe Virtual.allocate(UInt32.self, count: lines)
    }

    func deallocate() {
        unsafe Virtual.deallocate(pending, count: lineCount)
        unsafe Virtual.deallocate(closed, count: lineCount)
    }

    /// The fate of a line is decided, or overwritten.
    @inline(__always)
    mutating func close(_ line: Int) {
        if unsafe pending[line] != 0 && closed[line] != run {
            openLines -= 1
            if openLines == 0, !isWatched { isOpen = false }
        }
        unsafe closed[line] = run
    }

    /// The first line of a range whose fate is open; `end` where there is none.
    @inline(__always)
    func firstOpen(_ start: Int, _ end: Int) -> Int {
        var line = start
        while line < end {
            // Most lines have nothing pending: eight at a time.
            if line & 7 == 0, end - line >= 8,
                unsafe UnsafeRawPointer(pending + line).load(as: UInt64.self) == 0
            {
                line += 8
            } else if unsafe pending[line] != 0 && closed[line] != run {
                return line
            } else {
                line += 1
            }
        }
        return end
    }
}
