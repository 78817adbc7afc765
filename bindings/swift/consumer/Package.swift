// swift-tools-version: 6.0
import PackageDescription

// A program that has the archive and nothing else: `make dist-swift` builds and runs it outside of the
// checkout, beside the folder that the archive unpacks to.
let package = Package(
    name: "Consumer",
    dependencies: [.package(path: "SecondMeAvatar")],
    targets: [
        .executableTarget(
            name: "consumer", dependencies: [.product(name: "SecondMeAvatar", package: "SecondMeAvatar")])
    ]
)
