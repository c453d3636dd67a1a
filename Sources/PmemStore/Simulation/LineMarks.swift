/// Lines of a memory that differ from its parent's durable image, each named once. Behind a pointer, as ``ReadState``.
@safe struct LineMarks {
    private(set) var lines: [Int32] = []
    /// A byte for each line.
    private let isMarked: UnsafeMutablePointer<UInt8>
    private let lineCount: Int
    /// Of the memories that are loaded with images of this one.
    var children: [UnsafeMutablePointer<LineMarks>] = unsafe []

    init(lines: Int) {
        lineCount = lines
        unsafe isMarked = unsafe Virtual.allocate(UInt8.self, count: lines)
    }

    func deallocate() { unsafe Virtual.deallocate(isMarked, count: lineCount) }

    @inline(__always)
    mutating func mark(_ line: Int) {
        if unsafe isMarked[line] != 0 { return }
        unsafe isMarked[line] = 1
        lines.append(Int32(truncatingIfNeeded: line))
    }

    @inline(__always)
    func markInChildren(_ line: Int) {
        for index in unsafe children.indices { unsafe children[index].pointee.mark(line) }
    }

    mutating func clear() {
        for line in lines { unsafe isMarked[Int(line)] = 0 }
        lines.removeAll(keepingCapacity: true)
    }
}
