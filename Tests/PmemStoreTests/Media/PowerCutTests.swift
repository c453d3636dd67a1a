internal import Glibc
import Testing

@testable internal import PmemStore

@Suite("Media: power-cut mode")
struct PowerCutTests {
    private static let place: UInt64 = 2 << 20

    /// An open store, and its file, which was opened first: later it would wait for the lease.
    private struct Opened {
        let directory: SegmentDirectory
        let counted: CountedMedium
        private let segment: OpenFile

        init(_ scratch: ScratchDirectory, seed: UInt64) throws {
            try Fixture.create(scratch.store)
            segment = try OpenFile(scratch.store + "/" + SegmentName.sealed(0), flags: O_RDONLY)
            var options = Fixture.options
            options.powerCut = PowerCutMode(seed: seed)
            directory = try SegmentDirectory.open(path: scratch.store, options: options)
            counted = CountedMedium(directory)
        }

        /// What the file holds, which is not what the mapping holds.
        func file(_ byteCount: Int) -> [UInt8] {
            unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
                count = unsafe pread(segment.descriptor, buffer.baseAddress, byteCount, off_t(place))
            }
        }
    }

    @Test(
        "The file gets nothing but evicted units before the fence, and all with it", arguments: Place.allCases
    )
    func fence(place: Place) throws {
        let scratch = ScratchDirectory(place)
        let opened = try Opened(scratch, seed: 5)
        defer { opened.directory.close() }
        let counted = opened.counted
        let written = [UInt8](repeating: 9, count: 64 * 1000)
        unsafe written.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe counted.medium.copyIn(Self.place, start, bytes.count)
        }
        #expect(counted.read(Self.place, 64_000) == written)
        let before = opened.file(64_000)
        let units = stride(from: 0, to: 64_000, by: 8).map { Array(before[$0..<($0 + 8)]) }
        let evicted = units.count { $0 == [UInt8](repeating: 9, count: 8) }
        #expect(units.allSatisfy { Set($0).count == 1 }, "a unit is torn")
        #expect((100...4000).contains(evicted), "\(evicted) of 8000 units were evicted")
        try counted.medium.drain()
        #expect(opened.file(64_000) == written)
    }

    @Test("Without a flush no fence makes a store durable")
    func noFlush() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let opened = try Opened(scratch, seed: 5)
        defer { opened.directory.close() }
        let counted = opened.counted
        counted.medium.store8(Self.place, 7)
        try counted.medium.drain()
        #expect(opened.file(8) == [UInt8](repeating: 0, count: 8))
        counted.medium.flush(Self.place, 8)
        try counted.medium.drain()
        #expect(opened.file(8) == [7, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("One seed, one file")
    func determinism() throws {
        let files = try (0..<2).map { _ in
            let scratch = ScratchDirectory(.volatileMemory)
            let opened = try Opened(scratch, seed: 11)
            defer { opened.directory.close() }
            let counted = opened.counted
            for number in 0..<100 { counted.medium.store8(Self.place + UInt64(number) * 8, UInt64(number)) }
            counted.medium.flush(Self.place, 800)
            return opened.file(800)
        }
        #expect(files[0] == files[1])
    }

    @Test("The mode's text is a seed, or a seed and a number of lost fences")
    func text() {
        #expect(PowerCutMode("7") == PowerCutMode(seed: 7))
        #expect(PowerCutMode("7,100") == PowerCutMode(seed: 7, lostFences: 100))
        for text in ["", "x", "7,", "7,x", "7,1,2", "-1", ",1"] { #expect(PowerCutMode(text) == nil) }
    }

    @Test("A program learns of a wrong environment variable by a typed error")
    func environment() {
        let scratch = ScratchDirectory(.volatileMemory)
        let end = Probe.run(["open", scratch.store], environment: ["PMEMSTORE_POWER_CUT=often"])
        #expect(end.output.contains("invalidOption"))
        #expect(end.output.contains("PMEMSTORE_POWER_CUT"))
        #expect(end.code == 1)
        let right = Probe.run(["open", scratch.store], environment: ["PMEMSTORE_POWER_CUT=5"])
        #expect(right.output.contains("power-cut mode with seed 5"))
        #expect(right.code == 0)
    }
}
