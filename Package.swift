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

let package = Package(
    name: "PmemStore",
    products: [
        .library(name: "PmemStore", targets: ["PmemStore"]),
        .library(name: "PmemStoreTesting", targets: ["PmemStoreTesting"]),
        .executable(name: "pmembench", targets: ["pmembench"]),
        .executable(name: "crashlab", targets: ["crashlab"]),
    ],
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
        .target(name: "PmemStore", dependencies: ["CPmem"], swiftSettings: settings),
        .target(name: "PmemStoreTesting", dependencies: ["PmemStore"], swiftSettings: settings),
        .executableTarget(
            name: "crashlab",
            dependencies: [
                "PmemStore", "PmemStoreTesting",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "pmembench",
            dependencies: [
                "PmemStore", "CPmem",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PmemStoreTests", dependencies: ["PmemStore", "PmemStoreTesting", "CPmem"],
            swiftSettings: settings),
        .testTarget(name: "PmembenchTests", dependencies: ["pmembench"], swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
