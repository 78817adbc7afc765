// swift-tools-version: 6.0
import PackageDescription

// The Rust library beneath: an XCFramework on Apple's platforms (build-xcframework.sh), elsewhere the shared library
// in `lib`, or in the folder that SECONDME_AVATAR_LIB names.
#if canImport(Darwin)
    let native: [Target] = [
        .binaryTarget(name: "SecondMeAvatarFFI", path: "SecondMeAvatarFFI.xcframework")
    ]
    let linking: [LinkerSetting] = [.linkedFramework("Security"), .linkedFramework("SystemConfiguration")]
#else
    let native: [Target] = [.systemLibrary(name: "SecondMeAvatarFFI")]
    let folder = Context.environment["SECONDME_AVATAR_LIB"] ?? "\(Context.packageDirectory)/lib"
    let linking: [LinkerSetting] = [
        .linkedLibrary("secondme_avatar_ffi"),
        // Where it is looked for when a program runs: beside the program, else where it was.
        .unsafeFlags(["-L\(folder)", "-Xlinker", "-rpath=$ORIGIN", "-Xlinker", "-rpath=\(folder)"]),
    ]
#endif

let package = Package(
    name: "SecondMeAvatar",
    platforms: [.macOS(.v13), .iOS(.v16)],
    products: [
        .library(name: "SecondMeAvatar", targets: ["SecondMeAvatar"]),
        // The emulator of the service, for tests: of this library, and of yours.
        .library(name: "SecondMeAvatarTesting", targets: ["SecondMeAvatarTesting"]),
    ],
    targets: native + [
        // What UniFFI generates. It is in no product: only the layer over it is public.
        .target(name: "SecondMeAvatarCore", dependencies: ["SecondMeAvatarFFI"], linkerSettings: linking),
        .target(
            name: "SecondMeAvatar", dependencies: ["SecondMeAvatarCore"],
            resources: [.copy("PrivacyInfo.xcprivacy")]),
        .target(name: "SecondMeAvatarTesting"),
        .testTarget(name: "SecondMeAvatarTests", dependencies: ["SecondMeAvatar", "SecondMeAvatarTesting"]),
    ],
    swiftLanguageModes: [.v6]
)
