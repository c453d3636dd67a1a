// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors in CI only, so that a newer compiler's new warning never breaks a user's build.
let warningsAreErrors = Context.environment["PMEMSTORE_CI"] != nil

let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),  // SE-0335
        .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
        .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
        .enableExperimentalFeature("Lifetimes"),  // @_lifetime, as in swift-nio and swift-collections
        .strictMemorySafety(),  // SE-0458
    ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

/// Engines that pmembench compares with: built in when their trait is on, which needs the Debian package.
let engines = [
    (trait: "LMDB", module: "CLMDB", package: "liblmdb-dev"),
    (trait: "RocksDB", module: "CRocksDB", package: "librocksdb-dev"),
    (trait: "SQLite", module: "CSQLite", package: "libsqlite3-dev"),
    (trait: "LevelDB", module: "CLevelDB", package: "libleveldb-dev"),
]

/// Only for `make fuzz`: programs without a main function of their own, because libFuzzer brings it.
let isFuzzed = Context.environment["PMEMSTORE_FUZZ"] != nil

/// A program. A fuzz target that calls into it takes it as a library, whose entry is a function like any other.
func program(
    _ name: String, path: String? = nil, _ dependencies: [Target.Dependency]
) -> Target {
    if !isFuzzed {
        return .executableTarget(
            name: name, dependencies: dependencies, path: path, swiftSettings: settings)
    }
    let entry = name.replacing("-", with: "_") + "_main"
    let flags = ["-enable-testing", "-Xfrontend", "-entry-point-function-name", "-Xfrontend", entry]
    return .target(
        name: name, dependencies: dependencies, path: path, swiftSettings: settings + [.unsafeFlags(flags)])
}

let package = Package(
    name: "PmemStore",
    products: [
        .library(name: "PmemStore", targets: ["PmemStore"]),
        .library(name: "PmemStoreTesting", targets: ["PmemStoreTesting"]),
    ]
        + (isFuzzed
            ? [] : ["pmembench", "pmemstore", "crashlab"].map { .executable(name: $0, targets: [$0]) }),
    traits: Set(
        engines.map { .trait(name: $0.trait, description: "pmembench with \($0.trait); needs \($0.package)") }
    ),
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.1.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CPmem",
            pkgConfig: "libpmemobj",
            providers: [.apt(["libpmem-dev", "libpmemobj-dev"])]
        ),
        .target(name: "CBusGuard"),
        .target(name: "PmemStore", dependencies: ["CPmem", "CBusGuard"], swiftSettings: settings),
        .target(name: "PmemStoreTesting", dependencies: ["PmemStore"], swiftSettings: settings),
        program(
            "crashlab",
            [
                "PmemStore", "PmemStoreTesting", "SourceMutants",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        program(
            "pmembench",
            [
                "PmemStore", "CPmem",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ] + engines.map { .target(name: $0.module, condition: .when(traits: [$0.trait])) }),
        program(
            "pmemstore",
            ["PmemStore", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
        .target(name: "CLeaseAttacks"),
        .executableTarget(
            name: "ring-buffer", dependencies: ["PmemStore"], path: "Examples/RingBuffer",
            swiftSettings: settings),
        .executableTarget(
            name: "crashed-bank", dependencies: ["PmemStore", "PmemStoreTesting"],
            path: "Examples/CrashedBank", swiftSettings: settings),
        program("lease-matrix", ["PmemStore", "CPmem", "CLeaseAttacks"]),
        .testTarget(
            name: "PmemStoreTests",
            dependencies: [
                "PmemStore", "PmemStoreTesting", "CPmem", "CPoison", "CLeaseAttacks", "lease-matrix",
                "StoreWorkloads",
                "StoreFuzzing", "SourceMutants",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PmemstoreToolTests", dependencies: ["pmemstore", "PmemStore"], swiftSettings: settings),
        // A process that tests start, disturb and kill. It needs no test library, so that it starts at once.
        .executableTarget(
            name: "faultprobe", dependencies: ["PmemStore", "PmemStoreTesting", "StoreWorkloads", "CFaults"],
            path: "Tests/FaultProbe", swiftSettings: settings),
        .target(
            name: "StoreWorkloads", dependencies: ["PmemStore", "PmemStoreTesting"],
            path: "Tests/StoreWorkloads",
            swiftSettings: settings),
        .target(
            name: "StoreFuzzing", dependencies: ["PmemStore", "CPmem"], path: "Tests/StoreFuzzing",
            swiftSettings: settings),
        // Mistakes for a copy of the engine's sources: `make source-mutants`.
        .target(
            name: "SourceMutants", path: "Tests/SourceMutants", exclude: ["Lists"], swiftSettings: settings),
        .target(name: "CPoison", path: "Tests/CPoison"),
        // System calls and allocations that can be made to fail. Only faultprobe links it.
        .target(name: "CFaults", path: "Tests/CFaults"),
        .testTarget(name: "PmembenchTests", dependencies: ["pmembench"], swiftSettings: settings),
    ] + engines.map { .systemLibrary(name: $0.module, providers: [.apt([$0.package])]) },
    swiftLanguageModes: [.v6]
)

/// Every parser of text of the package, and what runs them: libFuzzer, or a few inputs in each test run.
let textFuzzing: [Target.Dependency] = [
    "PmemStore", "PmemStoreTesting", "SourceMutants", "pmembench", "pmemstore", "crashlab", "lease-matrix",
]
let textPath = "Tests/FuzzTargets/Texts"
let textFiles = ["corpus.txt", "tokens.dict"]

if isFuzzed {
    for name in ["Image", "Operations"] {
        package.targets.append(
            .executableTarget(
                name: "fuzz" + name, dependencies: ["StoreFuzzing"], path: "Tests/FuzzTargets/" + name,
                exclude: name == "Image" ? ["corpus.hex"] : [],
                swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
    }
    package.targets.append(
        .executableTarget(
            name: "fuzzTexts", dependencies: textFuzzing, path: textPath, exclude: textFiles + ["Tests"],
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
} else {
    package.targets.append(
        .testTarget(
            name: "TextFuzzTests", dependencies: textFuzzing, path: textPath,
            exclude: textFiles + ["Target"], swiftSettings: settings))
}
