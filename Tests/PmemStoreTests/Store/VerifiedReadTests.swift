internal import CPmem
internal import Glibc
import Testing

@testable internal import PmemStore

/// What a read notices of a damaged record.
@Suite("Store: damaged records")
struct VerifiedReadTests {
    @Test("With verifiesRecordsOnRead a flipped bit in a value is an error", arguments: [100, 50_000])
    func flippedBit(valueBytes: Int) throws {
        let fixture = try StoreFixture { $0.verifiesRecordsOnRead = true }
        let value = [UInt8](repeating: 7, count: valueBytes)
        try fixture.store.write { tx in try tx.put(value, forKey: "key") }
        #expect(try fixture.store.read { tx in try tx.get("key") } == value)
        try fixture.store.read { tx in
            try tx.withValue(forKey: "key") { span in
                unsafe span.withUnsafeBytes { bytes in
                    // The mapping is writable; only this test goes around the door.
                    unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)?
                        .storeBytes(of: 6, toByteOffset: valueBytes / 2, as: UInt8.self)
                }
            }
        }
        #expect(throws: StoreError.self) { try fixture.store.read { tx in try tx.get("key") } }
    }

    @Test("With verifiesRecordsOnRead a flipped bit in a key is an error, not a missing pair")
    func flippedKey() throws {
        let fixture = try StoreFixture { $0.verifiesRecordsOnRead = true }
        // The first eight bytes are equal, so that only the records tell the keys apart.
        let keys = (1...3).map { "the same \($0)" } + ["z"]
        try fixture.store.write { tx in for key in keys { try tx.put([1], forKey: key) } }
        try fixture.store.read { tx in
            try tx.forEach(from: Array(keys[1].utf8)) { key, _ in
                unsafe key.withUnsafeBytes { bytes in
                    unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)?
                        .storeBytes(of: UInt8(ascii: "9"), toByteOffset: bytes.count - 1, as: UInt8.self)
                }
                return false
            }
        }
        for key in keys[1...2] {
            #expect(throws: StoreError.self) { try fixture.store.read { tx in try tx.get(key) } }
            #expect(throws: StoreError.self) {
                try fixture.store.read { tx in try tx.multiGet([Array(key.utf8)]) }
            }
            #expect(throws: StoreError.self) {
                try fixture.store.read { tx in try tx.forEach(from: Array(key.utf8)) { _, _ in true } }
            }
        }
        #expect(try fixture.store.read { tx in try tx.get("z") } == [1])
        #expect(try fixture.store.read { tx in try tx.get("y") } == nil)
    }
}
