import PmemStore
import Testing

/// The quick start of README.md, as code that compiles and runs.
private func quickStart(in directory: String) throws {
    // begin
    let store = try Store.open(directory + "/shop")  // created when nothing is there
    try store.write { tx in  // one transaction, durable when it returns
        let orders = try tx.table("orders")
        try tx.put("two chairs", forKey: 17, in: orders)
        try tx.put("a table", forKey: 18, in: orders)
        try tx.put("2", forKey: "number of orders")
    }
    let count = try store.read { tx in try tx.get("number of orders") }  // bytes, or nil
    try store.read { tx in  // one stable view, whatever writers do meanwhile
        try tx.forEach(in: tx.table(named: "orders")) { key, value in
            print("\(key.byteCount) bytes of key, \(value.byteCount) bytes of value")
            return true
        }
    }
    try store.close()
    // end
    #expect(count == Array("2".utf8))
}

@Suite("Documentation: quick start")
struct QuickStartTests {
    @Test("The quick start runs")
    func runs() throws {
        let scratch = ScratchDirectory(.ordinaryFileSystem)
        try quickStart(in: scratch.path)
        withExtendedLifetime(scratch) {}
    }

    @Test("README.md shows exactly this code")
    func isInReadme() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let source = Self.lines(of: #filePath)
        let begin = try #require(source.firstIndex { $0.hasSuffix("// begin") })
        let code = source[(begin + 1)...].prefix { !$0.hasSuffix("// end") }.map { String($0.dropFirst(4)) }
        let readme = Self.lines(of: root + "/README.md")
        let fence = try #require(readme.firstIndex(of: "```swift"))
        let shown = readme[(fence + 1)...].prefix { $0 != "```" }
        #expect(Array(shown) == ["import PmemStore", ""] + code)
    }

    private static func lines(of path: String) -> [String] {
        String(decoding: bytes(of: path), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }
}
