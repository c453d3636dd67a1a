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
}
