internal import Glibc

@testable internal import PmemStore

/// The ranges of persistent memory that the kernel makes durable by itself, recorded by probes in the guest's kernel.
///
/// Addresses are offsets on the device, as FIEMAP tells them.
final class KernelFlushTrace {
    private static let tracing = "/sys/kernel/tracing"
    /// Where the guest's kernel, started with nokaslr and no5lvl, maps physical memory.
    private static let directMap: UInt64 = 0xffff_8880_0000_0000
    /// The two ways in which the kernel makes bytes of persistent memory durable: a flush, a copy past the caches.
    private static let probes = """
        p:pmem/flush arch_wb_cache_pmem address=%di:x64 size=%si:x64
        p:pmem/copy __memcpy_flushcache address=%di:x64 size=%dx:x64

        """

    /// Physical address of the device's first byte.
    private let start: UInt64

    init?() {
        guard let start = Self.deviceStart() else { return nil }
        self.start = start
        Self.write("0", to: "events/enable")
        Self.write("", to: "kprobe_events")
        guard Self.write(Self.probes, to: "kprobe_events"), Self.write("1", to: "events/pmem/enable") else {
            return nil
        }
        Self.write("", to: "trace")
    }

    deinit {
        Self.write("0", to: "events/pmem/enable")
        Self.write("", to: "kprobe_events")
    }

    /// Every range since the trace began.
    func ranges() -> [Range<UInt64>] {
        Self.text(Self.tracing + "/trace").split(separator: "\n").compactMap { line in
            guard let address = Self.number("address=0x", in: line),
                let size = Self.number("size=0x", in: line)
            else { return nil }
            guard address >= Self.directMap + start else { return nil }
            let offset = address - Self.directMap - start
            return offset..<(offset + size)
        }
    }

    private static func number(_ label: String, in line: Substring) -> UInt64? {
        guard let place = line.firstRange(of: label) else { return nil }
        return UInt64(line[place.upperBound...].prefix { $0.isHexDigit }, radix: 16)
    }

    /// Of the namespace's data, behind the pages that describe it.
    private static func deviceStart() -> UInt64? {
        let devices = "/sys/bus/nd/devices"
        for name in (try? DirectoryListing.names(devices)) ?? [] where name.hasPrefix("pfn") {
            let resource = text("\(devices)/\(name)/resource").drop { $0 == "0" || $0 == "x" }
            if let start = UInt64(resource.prefix { $0.isHexDigit }, radix: 16) { return start }
        }
        return nil
    }

    @discardableResult
    private static func write(_ text: String, to name: String) -> Bool {
        let flags = text.isEmpty ? O_WRONLY | O_TRUNC : O_WRONLY
        guard let file = try? OpenFile(tracing + "/" + name, flags: flags) else { return false }
        let bytes = [UInt8](text: text)
        return unsafe Glibc.write(file.descriptor, bytes, bytes.count) == bytes.count
    }

    /// Of a file whose size is not known before it is read.
    private static func text(_ path: String) -> String {
        guard let file = try? OpenFile(path, flags: O_RDONLY) else { return "" }
        var all: [UInt8] = []
        while true {
            let part = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
                count = max(0, unsafe read(file.descriptor, buffer.baseAddress, buffer.count))
            }
            if part.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += part
        }
    }
}
