internal import StoreFuzzing

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOperations(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    OperationFuzz.run(unsafe [UInt8](UnsafeBufferPointer(start: data, count: count)))
    return 0
}
