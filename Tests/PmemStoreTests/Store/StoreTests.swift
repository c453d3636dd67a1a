import PmemStore
import Testing

@Suite struct StoreTests {
    @Test func putGetReopen() throws {
        let scratch = ScratchDirectory(.volatileMemory)
        let path = scratch.path + "/store"
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        var store = try Store.open(path, options: options)
        for number in 0..<20_000 {
            try store.write { tx in
                try tx.put("value \(number)", forKey: "key \(number * 7919 % 20_000)")
            }
        }
        let count = try store.read { tx in try tx.count() }
        #expect(count == 20_000)
        for number in 0..<20_000 {
            let value = try store.read { tx in try tx.get("key \(number * 7919 % 20_000)") }
            #expect(value == Array("value \(number)".utf8))
        }
        try store.close()
        store = try Store.open(path, options: options)
        #expect(store.openReport.replayedOperations == 0)
        for number in 0..<20_000 {
            let value = try store.read { tx in try tx.get("key \(number * 7919 % 20_000)") }
            #expect(value == Array("value \(number)".utf8))
        }
        try store.close()
    }
}
