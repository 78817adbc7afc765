pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "secondme-avatar-sample"
include(":app")

// The library, out of this repository. An app of your own takes it from a Maven repository instead.
includeBuild("../../../bindings/kotlin/android") {
    dependencySubstitution {
        substitute(module("me.secondme:secondme-avatar-android")).using(project(":"))
    }
}
