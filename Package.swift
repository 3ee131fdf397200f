// swift-tools-version: 6.2
import PackageDescription

/// `make check` and CI refuse warnings. Others do not: the new warnings of a newer compiler must not keep anybody from building.
let refusesWarnings = Context.environment["WARNINGS_AS_ERRORS"] != nil

/// Every target: no implicit existential boxes, imports visible only where written.
let strict: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (refusesWarnings ? [.treatAllWarnings(as: .error)] : [])

/// The relay path additionally drops the dynamic exclusivity checks in release builds: each of its objects is confined to one
/// event loop, debug builds and the tests keep the checks, and they cost several nanoseconds on every field access per frame.
let relayPath: [SwiftSetting] =
    strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let package = Package(
    name: "ttms-relay",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "ttms-relayd", targets: ["ttms-relayd"]),
        .executable(name: "ttmsctl", targets: ["ttmsctl"]),
        .executable(name: "ttms-bench", targets: ["ttms-bench"]),
        // Preloaded by tests into the programs above, so libraries of their own.
        .library(name: "PowerCut", type: .dynamic, targets: ["PowerCut"]),
        .library(name: "FalseClock", type: .dynamic, targets: ["FalseClock"]),
        .library(name: "NoIPv6", type: .dynamic, targets: ["NoIPv6"]),
        .library(name: "AllocationCount", type: .dynamic, targets: ["AllocationCount"]),
        .library(name: "SignalMask", type: .dynamic, targets: ["SignalMask"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // The HTTP client of ttmsctl: Foundation's polls while it waits, and has no IPv6.
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        // What swift-configuration reads YAML with; on our own for the lines that keys stand in, and to read the OpenAPI document
        // in its test.
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        // Latencies in the load generator: percentiles that lose nothing of the tail, at a fixed size.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // C, and a file of C++: system libraries and thin shims for what Swift cannot call.
        .target(name: "CMicroHTTPD", linkerSettings: [.linkedLibrary("microhttpd")]),
        .target(name: "CGnuTLS", linkerSettings: [.linkedLibrary("gnutls")]),
        .target(name: "CRocksDB", linkerSettings: [.linkedLibrary("rocksdb")]),
        .target(name: "CLinuxTCP"),
        .target(name: "CLinuxProcess"),
        .target(name: "CSwiftRuntime"),

        // Bytes <-> frames.
        .target(
            name: "TTMSProtocol",
            dependencies: [.product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: relayPath
        ),
        // Decisions without sockets, disk or clock.
        .target(
            name: "RelayCore",
            dependencies: ["TTMSProtocol", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: relayPath
        ),
        // The queue on disk.
        .target(
            name: "RelayStorage",
            dependencies: [
                "RelayCore", "TTMSProtocol", "CRocksDB",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: relayPath
        ),
        // Terminals over TCP.
        .target(
            name: "RelayServer",
            dependencies: [
                "RelayCore", "CLinuxTCP",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: relayPath
        ),
        // The admin API's words, shared by server and CLI.
        .target(name: "AdminAPI", swiftSettings: strict),
        // The admin API over libmicrohttpd.
        .target(
            name: "RelayAdmin",
            dependencies: [
                "RelayCore", "TTMSProtocol", "AdminAPI", "CGnuTLS", "CMicroHTTPD",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),

        .executableTarget(
            name: "ttms-relayd",
            dependencies: [
                "RelayServer", "RelayAdmin", "RelayStorage", "RelayCore", "TTMSProtocol", "CLinuxProcess", "CSwiftRuntime",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "ttmsctl",
            // The store is here for relays that do not run: nobody else knows what lies there, and can say whether it is whole.
            dependencies: [
                "AdminAPI", "RelayCore", "RelayStorage", "TTMSProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOFoundationCompat", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "ttms-bench",
            dependencies: [
                "AdminAPI", "TTMSProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Yams", package: "Yams"),
            ],
            // It shares the machine with what it measures.
            swiftSettings: relayPath
        ),

        // A disk that forgets at a power cut what was not synced. Preloaded, never linked: nothing may depend on it.
        .target(name: "PowerCut", path: "Tests/PowerCut"),
        .target(name: "FalseClock", path: "Tests/FalseClock"),
        .target(name: "NoIPv6", path: "Tests/NoIPv6"),
        .target(name: "AllocationCount", path: "Tests/AllocationCount"),
        .target(name: "SignalMask", path: "Tests/SignalMask"),
        .executableTarget(name: "power-cut-probe", path: "Tests/PowerCutProbe"),
        .target(
            name: "TestKit",
            dependencies: ["TTMSProtocol"],
            path: "Tests/TestKit",
            swiftSettings: strict
        ),
        .testTarget(
            name: "TTMSProtocolTests",
            dependencies: ["TestKit", "TTMSProtocol", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: strict
        ),
        .testTarget(name: "RelayCoreTests", dependencies: ["RelayCore"], swiftSettings: strict),
        .testTarget(
            name: "RelayStorageTests",
            dependencies: [
                "CRocksDB", "RelayStorage", "RelayCore", "TTMSProtocol",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "RelayServerTests",
            dependencies: [
                "RelayServer", "RelayCore",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "RelayAdminTests",
            dependencies: [
                "RelayAdmin", "AdminAPI", "RelayCore", "TTMSProtocol",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "Simulation",
            dependencies: [
                "TestKit", "RelayServer", "RelayCore", "TTMSProtocol",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            path: "Tests/Simulation",
            swiftSettings: strict
        ),
        .testTarget(
            name: "BenchTests",
            dependencies: [
                "TestKit", "ttms-bench", "ttms-relayd", "TTMSProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "RelaydTests",
            dependencies: [
                "TestKit", "ttms-relayd", "RelayCore", "RelayServer", "RelayStorage", "TTMSProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "TTMSCtlTests",
            dependencies: [
                "TestKit", "ttmsctl", "ttms-relayd", "AdminAPI", "RelayCore", "RelayStorage", "TTMSProtocol",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "Conversations",
            dependencies: ["TestKit", "TTMSProtocol", "ttms-relayd"],
            path: "Tests/Conversations",
            resources: [.copy("Data")],
            swiftSettings: strict
        ),
        .testTarget(
            name: "Faults",
            dependencies: ["TestKit", "TTMSProtocol", "ttms-relayd", "ttms-bench", "ttmsctl", "power-cut-probe"],
            path: "Tests/Faults",
            swiftSettings: strict
        ),
        // Without ttms-relayd: what is judged is its release build.
        .testTarget(name: "Gates", dependencies: ["TestKit", "TTMSProtocol"], path: "Tests/Gates", swiftSettings: strict),
    ],
    // RocksDB's headers, for the logger in CRocksDB.
    cxxLanguageStandard: .cxx17
)
