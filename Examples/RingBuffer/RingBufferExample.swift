import PmemStore

/// A durable ring buffer in a file:
///
///     ring-buffer DIRECTORY append TEXT...
///     ring-buffer DIRECTORY list
@main
enum RingBufferExample {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count >= 2 else {
            print("usage: ring-buffer DIRECTORY append TEXT... | ring-buffer DIRECTORY list")
            return
        }
        let region = try openOrCreate(arguments[0])
        defer { region.close() }
        let ring = RingBuffer(region)
        if arguments[1] == "append" {
            for text in arguments.dropFirst(2) { try ring.append(Array(text.utf8)) }
        }
        for record in try ring.records() { print(String(decoding: record, as: UTF8.self)) }
        print("\(region.persistence.domain.rawValue), \(region.lease.level): \(region.lease.reason)")
    }

    private static func openOrCreate(_ path: String) throws -> LeasedRegion {
        var options = StoreOptions()
        options.acceptsVolatileMedium = true
        do {
            return try LeasedRegion.open(path, options: options)
        } catch StoreError.open(.missing) {
            return try LeasedRegion.create(path, byteCount: 1 << 20, options: options)
        }
    }
}
