import Foundation

/// One repeat of one combination: sets up, measures, checks, cleans up.
struct PMDKRound {
    let benchmark: PMDKBenchmark
    let arguments: PMDKArguments
    let isVolatileMedium: Bool

    func run(seed: UInt64) throws -> PMDKRoundResult {
        guard !arguments.flag("dynamic-poolset") else {
            throw BenchmarkFailure(.usage, "--dynamic-poolset: there are no pool sets here; leave it out")
        }
        switch benchmark {
        case .benchmarkEmpty: return try runEmpty()
        case .pmemFlush: return try runFlush(seed: seed)
        case .pmemMemcpy: return try runCopy(seed: seed)
        case .pmemMemset: return try runFill(seed: seed)
        case .mapInsert, .mapGet, .mapRemove: return try runMap(seed: seed)
        }
    }

    /// Times the steps, one for each thread, every operation on its own.
    func measure<Step: WorkStep>(_ steps: inout [Step]) throws -> PMDKRoundResult {
        let counter = PreloadedFenceCounter()
        let before = counter?.counters
        let faults = PageFaults.minor
        let timing = try StepRunner.run(
            &steps, callsPerStep: steps.map { _ in arguments.operationsPerThread }, sampling: .all,
            processors: arguments.processors(available: ProcessInfo.processInfo.activeProcessorCount))
        var result = PMDKRoundResult(timing: timing)
        if let before, let after = counter?.counters { result.counters = after - before }
        result.minorFaults = PageFaults.minor - faults
        return result
    }

    func expect(_ isRight: Bool, _ what: String) throws {
        guard !isRight else { return }
        throw BenchmarkFailure(.failure, "\(benchmark.rawValue): \(what)")
    }

    /// The chunks of each thread.
    private func ranges(_ mode: ChunkMode) -> [Range<Int>] {
        let count = mode.count(arguments.operationsPerThread)
        return (0..<arguments.threads).map { $0 * count..<($0 + 1) * count }
    }

    private func runEmpty() throws -> PMDKRoundResult {
        var steps = (0..<arguments.threads).map { _ in EmptyStep() }
        var result = try measure(&steps)
        result.domain = "-"
        return result
    }

    private func runFlush(seed: UInt64) throws -> PMDKRoundResult {
        guard let operation = FlushOperation(rawValue: arguments.text("operation")) else {
            let known = FlushOperation.allCases.map(\.rawValue).joined(separator: ", ")
            throw BenchmarkFailure(
                .usage, "--operation is one of \(known), not \(arguments.text("operation"))")
        }
        let mode = try ChunkMode(arguments, "mode")
        let bytes = arguments.operations * max(arguments.dataSize, 8) + (4 << 20)
        let file = try MappedFile(
            creating: arguments.file, byteCount: bytes, mode: fileMode, alignment: 2 << 20)
        defer { file.close() }
        let clean = try AnonymousPages(byteCount: bytes)
        defer { clean.release() }
        if !arguments.flag("no-warmup") { file.warmUp() }
        var steps = ranges(.seq).enumerated().map { thread, range in
            FlushStep(
                operation, file: file, clean: clean, bytes: arguments.dataSize, mode: mode, range: range,
                seed: mixed(seed &+ UInt64(thread)))
        }
        var result = try measure(&steps)
        try expect(steps.allSatisfy { $0.stored == arguments.operationsPerThread }, "operations are missing")
        result.domain = file.domain(isVolatile: isVolatileMedium)
        return result
    }

    private func runCopy(seed: UInt64) throws -> PMDKRoundResult {
        let modes = try (ChunkMode(arguments, "src-mode"), ChunkMode(arguments, "dest-mode"))
        guard let isRead = ["read": true, "write": false][arguments.text("operation")] else {
            throw BenchmarkFailure(.usage, "--operation is read or write, not \(arguments.text("operation"))")
        }
        let method = copyMethod(usesLibc: arguments.flag("libc-memcpy"), syncs: false)
        let bytes = (arguments.operations + 1) * arguments.dataSize + 64
        let file = try MappedFile(creating: arguments.file, byteCount: bytes, mode: fileMode)
        defer { file.close() }
        file.warmUp()
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        defer { unsafe buffer.deallocate() }
        var filler = SeededGenerator(seed: seed)
        let first = unsafe isRead ? file.base : buffer
        for offset in stride(from: 0, to: bytes - 8, by: 8) {
            unsafe first.storeBytes(of: filler.next(), toByteOffset: offset, as: UInt64.self)
        }
        let source = unsafe first + arguments.number("src-offset")
        let target = unsafe (isRead ? buffer : file.base) + arguments.number("dest-offset")
        var steps = ranges(.seq).enumerated().map { thread, range in
            unsafe CopyStep(
                method: method, source: source, target: target, bytes: arguments.dataSize,
                modes: (modes.0, modes.1), range: range, seed: mixed(seed &+ UInt64(thread)))
        }
        var result = try measure(&steps)
        let isShared = modes.1 == .stat && arguments.threads > 1
        try expect(isShared || steps.allSatisfy(\.isRight), "a target does not hold what its source holds")
        result.domain = file.domain(isVolatile: isVolatileMedium)
        return result
    }

    private func runFill(seed: UInt64) throws -> PMDKRoundResult {
        let mode = try ChunkMode(arguments, "mem-mode")
        let syncs = arguments.flag("msync")
        guard !syncs || (arguments.flag("memset") && !arguments.flag("persist")) else {
            throw BenchmarkFailure(.usage, "--msync needs --memset, and persist = false")
        }
        let method = copyMethod(usesLibc: arguments.flag("memset"), syncs: syncs)
        let bytes = arguments.threads * mode.count(arguments.operationsPerThread) * arguments.dataSize + 64
        let file = try MappedFile(creating: arguments.file, byteCount: bytes, mode: fileMode)
        defer { file.close() }
        if !arguments.flag("no-warmup") { file.warmUp() }
        var steps = ranges(mode).enumerated().map { thread, range in
            unsafe FillStep(
                method: method, target: file.base + arguments.number("dest-offset"),
                bytes: arguments.dataSize,
                mode: mode, range: range, seed: mixed(seed &+ UInt64(thread)))
        }
        var result = try measure(&steps)
        try expect(steps.allSatisfy(\.isRight), "a chunk is not filled")
        result.domain = file.domain(isVolatile: isVolatileMedium)
        return result
    }

    private var fileMode: Int { Int(arguments.text("fmode")) ?? 0o666 }

    private func copyMethod(usesLibc: Bool, syncs: Bool) -> CopyMethod {
        if syncs { return .libcMsync }
        let persists = arguments.flag("persist")
        if usesLibc { return persists ? .libcPersist : .libcFlush }
        return persists ? .libraryPersist : .libraryNodrain
    }
}

/// What one repeat gave.
struct PMDKRoundResult {
    var timing: Timing
    var counters: MediumCounters?
    var bytesPerPair: Double?
    var minorFaults: Int?
    var domain = ""
    var lease = "-"
}
