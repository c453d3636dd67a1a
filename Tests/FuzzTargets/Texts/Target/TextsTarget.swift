/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTexts(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    TextFuzz.run(unsafe [UInt8](UnsafeBufferPointer(start: data, count: count)))
    return 0
}
