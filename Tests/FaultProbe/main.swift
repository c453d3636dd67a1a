internal import Glibc

// What tests start as a process of its own. The first argument says what to do.
let arguments = CommandLine.arguments.dropFirst()
switch arguments.first {
case "append": try AppendProbe(Array(arguments.dropFirst())).run()
case "open" where arguments.count == 2: exit(OpenProbe.run(arguments.last ?? ""))
default:
    print("usage: faultprobe append ...; the tests know the rest")
    exit(2)
}
