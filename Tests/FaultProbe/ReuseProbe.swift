internal import PmemStore
internal import PmemStoreTesting

/// The crash lab in a process that keeps address space, as `crashlab` does: what is taken again is as good as new.
enum ReuseProbe {
    static func run() throws -> Int32 {
        unsafe Virtual.reuse = RangeReuse()
        for start in [1, 3, 1] {
            let workload = CrashWorkload.sequence(start: start, shapes: [9, 18], model: .lines)
            let run = try workload.makeRun(plan: .flat, depth: 2)
            try workload.run(on: run)
            for failure in run.failures { print(failure) }
            if !run.failures.isEmpty || run.explorer.tally.states == 0 { return 1 }
        }
        return 0
    }
}
