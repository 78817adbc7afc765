// swift-tools-version: 6.0
import PackageDescription

// The app is made of SwiftUI, which only Apple's platforms have. Everything it does is in its model, which is tested
// everywhere.
#if canImport(Darwin)
    let app: [Target] = [
        .executableTarget(
            name: "AvatarApp",
            dependencies: ["ChatModel", .product(name: "SecondMeAvatar", package: "SecondMeAvatar")], path: "App")
    ]
#else
    let app: [Target] = []
#endif

let package = Package(
    name: "AvatarExamples",
    platforms: [.macOS(.v14), .iOS(.v17)],
    dependencies: [
        // Here a link; in a project of yours, the folder that you unpacked.
        .package(path: "SecondMeAvatar")
    ],
    targets: app + [
        .executableTarget(
            name: "chat", dependencies: [.product(name: "SecondMeAvatar", package: "SecondMeAvatar")], path: "Chat"),
        .executableTarget(
            name: "custom", dependencies: [.product(name: "SecondMeAvatar", package: "SecondMeAvatar")],
            path: "Custom"),
        .executableTarget(
            name: "quickstart", dependencies: [.product(name: "SecondMeAvatar", package: "SecondMeAvatar")],
            path: "Quickstart"),
        .executableTarget(
            name: "takeover", dependencies: [.product(name: "SecondMeAvatar", package: "SecondMeAvatar")],
            path: "Takeover"),
        .executableTarget(
            name: "errors", dependencies: [.product(name: "SecondMeAvatar", package: "SecondMeAvatar")],
            path: "Errors"),
        // The app without its screen, for a test that looks into its memory.
        .executableTarget(
            name: "keyless",
            dependencies: ["ChatModel", .product(name: "SecondMeAvatar", package: "SecondMeAvatar")], path: "Keyless"),
        .target(
            name: "ChatModel", dependencies: [.product(name: "SecondMeAvatar", package: "SecondMeAvatar")],
            path: "Model",
            // In Swift 6.0 for Linux, Observation names a function that its own libraries keep to themselves.
            linkerSettings: [.unsafeFlags(["-Xlinker", "--allow-shlib-undefined"], .when(platforms: [.linux]))]),
        .testTarget(
            name: "ExampleTests",
            dependencies: [
                "ChatModel", "chat", "custom", "keyless", "quickstart", "takeover", "errors",
                .product(name: "SecondMeAvatarTesting", package: "SecondMeAvatar"),
            ],
            path: "Tests"),
    ],
    swiftLanguageModes: [.v6]
)
