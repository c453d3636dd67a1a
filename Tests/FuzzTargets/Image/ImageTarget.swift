internal import StoreFuzzing

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzImage(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    ImageFuzz.run(unsafe [UInt8](UnsafeBufferPointer(start: data, count: count)))
    return 0
}
