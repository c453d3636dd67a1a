internal import Glibc

// What tests start as a process of its own. The first argument says what to do.
let arguments = CommandLine.arguments.dropFirst()
switch arguments.first {
case "append": try AppendProbe(Array(arguments.dropFirst())).run()
case "open" where arguments.count == 2: exit(OpenProbe.run(arguments.last ?? ""))
case "calls" where arguments.count == 2: try CallProbe.run(arguments.last ?? "")
case "prepare" where arguments.count == 2: try Sweep.prepare(arguments.last ?? "")
case "sweep":
    var sweep = Sweep(Array(arguments.dropFirst()))
    exit(try sweep.run())
case "killed" where arguments.count == 4:
    let words = Array(arguments)
    exit(try Sweep([words[1], words[2], "0", "0", "1"]).runKilled(UInt64(words[3]) ?? 0))
case "judged" where arguments.count == 4:
    let words = Array(arguments)
    exit(try Sweep([words[1], words[2], "0", "0", "1"]).judgeKilled(UInt64(words[3]) ?? 0))
case "instructions" where arguments.count == 2: try InstructionProbe.run(arguments.last ?? "")
case "allocate" where arguments.count == 3:
    exit(AllocationProbe.run(arguments[2], n: UInt64(arguments.last ?? "") ?? 0))
case "judge" where arguments.count == 2: exit(try AllocationProbe.judge(arguments.last ?? ""))
case "reuse": exit(try ReuseProbe.run())
case "trace" where arguments.count >= 2: try TraceProbe.run(arguments[2], isRogue: arguments.last == "rogue")
default:
    print("usage: faultprobe append ...; the tests know the rest")
    exit(2)
}
