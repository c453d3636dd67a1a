internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

@Suite("Media: mapping")
struct MappingTests {
    @Test("The range is aligned, and smaller ones are tried when the first cannot be had")
    func reserve() throws {
        let mapping = try Mapping.reserve([1 << 62, 64 << 30])
        #expect(mapping.byteCount == 64 << 30)
        #expect(unsafe UInt(bitPattern: mapping.base) % UInt(Mapping.alignment) == 0)
    }

    @Test("No range at all is an error")
    func noRange() {
        #expect(throws: SystemFailure(call: "mmap", code: ENOMEM)) { try Mapping.reserve([1 << 62]) }
    }

    @Test("Prefaulting behind the end of a file is an error, not a signal", arguments: Place.allCases)
    func prefault(place: Place) throws {
        let scratch = ScratchDirectory(place)
        let file = try OpenFile(scratch.path + "/file", flags: O_RDWR | O_CREAT, mode: 0o600)
        #expect(ftruncate(file.descriptor, 2 << 20) == 0)
        let mapping = try Mapping.reserve([1 << 30])
        try mapping.map(descriptor: file.descriptor, at: 2 << 20, byteCount: 2 << 20, .shared)
        try mapping.prefault(2 << 20, 2 << 20, dirtying: true)
        #expect(ftruncate(file.descriptor, 0) == 0)
        for dirtying in [true, false] {
            #expect(throws: SystemFailure(call: "madvise", code: EFAULT)) {
                try mapping.prefault(2 << 20, 2 << 20, dirtying: dirtying)
            }
        }
    }

    @Test("Behind the last segment are zeros to read, also after one more was mapped and taken out again")
    func margin() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let file = try OpenFile(scratch.path + "/file", flags: O_RDWR | O_CREAT, mode: 0o600)
        #expect(ftruncate(file.descriptor, 2 << 20) == 0)
        // As many as the range has, so that the last margin lies behind it.
        let mapping = try Mapping.reserve([4 << 20])
        for offset in [0, 2 << 20] as [UInt64] {
            try mapping.map(descriptor: file.descriptor, at: offset, byteCount: 2 << 20, .shared)
            let end = unsafe UnsafeRawBufferPointer(
                start: mapping.base + Int(offset) + (2 << 20), count: 128 << 10)
            #expect(unsafe end.allSatisfy { $0 == 0 })
        }
        mapping.unmap(at: 2 << 20, byteCount: 2 << 20)
        #expect(unsafe mapping.base.load(fromByteOffset: 2 << 20, as: UInt64.self) == 0)
    }

    @Test("A refused mapping leaves the reservation whole")
    func refusedMapping() throws {
        let scratch = ScratchDirectory(.ordinaryFileSystem)
        let file = try OpenFile(scratch.path + "/file", flags: O_RDWR | O_CREAT, mode: 0o600)
        #expect(ftruncate(file.descriptor, 2 << 20) == 0)
        guard !Mapping.grantsSync(descriptor: file.descriptor) else { return }
        let mapping = try Mapping.reserve([1 << 30])
        #expect(throws: SystemFailure(call: "mmap", code: EOPNOTSUPP)) {
            try mapping.map(descriptor: file.descriptor, at: 0, byteCount: 2 << 20, .synchronous)
        }
        // Still ours: an address in a hole would make this fail with ENOMEM.
        #expect(unsafe msync(mapping.base, 4 << 20, Int32(MS_SYNC)) == 0)
    }
}
