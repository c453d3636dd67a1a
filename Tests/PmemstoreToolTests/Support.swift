import Foundation
import PmemStore
import Testing

/// A directory of a test's own, removed when the test ends.
final class ScratchDirectory {
    let path: String

    init(in root: String = "/dev/shm") throws {
        path = root + "/pmemstore-tool-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var store: String { path + "/store" }

    static var options: StoreOptions {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        options.initialBytes = 8 << 20
        options.logBytes = 1 << 20
        return options
    }

    /// A closed store with three commits.
    func makeStore() throws {
        let store = try Store.open(store, options: Self.options)
        for number in 0..<3 { try store.write { tx in try tx.put("value", forKey: UInt8(number)) } }
        try store.close()
    }

    func overwriteSegment(at offset: UInt64, with bytes: [UInt8]) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: store + "/segment-000000.pmem"))
        try file.seek(toOffset: offset)
        try file.write(contentsOf: Data(bytes))
        try file.close()
    }
}

/// The program itself, as a process.
struct Tool {
    let code: Int32
    let output: String
    let error: String

    /// It lies beside the bundle of tests that runs.
    init(_ arguments: String...) throws {
        let process = Process()
        let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        process.executableURL = URL(fileURLWithPath: bundle).deletingLastPathComponent().appending(
            path: "pmemstore")
        process.arguments = arguments
        let (output, error) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = error
        try process.run()
        self.output = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        self.error = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        code = process.terminationStatus
    }
}
