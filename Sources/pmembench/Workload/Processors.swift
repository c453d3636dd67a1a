import CPmem
import Foundation

/// Where threads run.
enum Processors {
    /// Binds the calling thread to a processor.
    static func pin(to processor: Int) throws {
        guard cpm_pin_thread(Int32(truncatingIfNeeded: processor)) == 0 else {
            throw BenchmarkFailure(
                .usage, "cannot run on processor \(processor); nproc and taskset -p show which ones")
        }
    }
}

/// Page faults of this process.
enum PageFaults {
    /// Those that needed no input from a device.
    static var minor: Int {
        var usage = rusage()
        unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
        return usage.ru_minflt
    }
}
