internal import CPmem
internal import Glibc

/// Fills a part of a file on tmpfs with huge pages, which tmpfs does not give out by itself (decision 0007).
///
/// A chunk of which a single page is there is *collapsed*: the kernel takes one huge page, copies that page and zeroes
/// the rest. Of pages that are all there it would copy each, which takes forty times as long.
struct HugePageFill {
    private static let chunk = SegmentLayout.chunkBytes
    /// One call for many chunks: each call waits until every processor has handed in its lists of new pages.
    private static let stepBytes = 32 * chunk

    let file: OpenFile

    /// Fills the whole chunks between two offsets, up to those that cannot be had. What is not in the range that it
    /// returns is left to ordinary allocation.
    ///
    /// Advice only: kernels before 6.1 refuse it, a full file system too.
    func fill(from start: UInt64, to end: UInt64) -> Range<UInt64> {
        let first = (start + Self.chunk - 1) / Self.chunk * Self.chunk
        let none = start..<start
        guard end >= first + Self.chunk, ftruncate(file.descriptor, off_t(end)) == 0 else { return none }
        let last = end / Self.chunk * Self.chunk
        let range = first..<last
        // Begins where huge pages can be mapped, and is not there in a child that another thread forks.
        guard let mapping = try? Mapping.reserve([UInt64(range.count)]),
            (try? mapping.map(
                descriptor: file.descriptor, at: 0, byteCount: UInt64(range.count), .shared, from: first))
                != nil
        else { return none }
        return withExtendedLifetime(mapping) {
            var position = first
            while position < last {
                let next = min(position + Self.stepBytes, last)
                if unsafe !collapse(position..<next, at: mapping.base + Int(position - first)) { break }
                position = next
            }
            return first..<position
        }
    }

    private func collapse(_ range: Range<UInt64>, at address: UnsafeMutableRawPointer) -> Bool {
        var zero: UInt8 = 0
        for position in stride(from: range.lowerBound, to: range.upperBound, by: Int(Self.chunk)) {
            if unsafe pwrite(file.descriptor, &zero, 1, off_t(position)) != 1 { return false }
        }
        return unsafe madvise(address, range.count, CPM_MADV_COLLAPSE) == 0
    }
}
