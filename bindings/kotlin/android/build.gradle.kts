// The AAR: the JVM package's own sources, the libraries of `build-natives`, and what R8 has to keep.
plugins {
    id("com.android.library") version "8.13.0"
    id("org.jetbrains.kotlin.android") version "2.2.21"
    `maven-publish`
}

group = "me.secondme"
version = "0.1.0"

android {
    namespace = "me.secondme.avatar.android"
    compileSdk = 36

    defaultConfig {
        minSdk = 24
        consumerProguardFiles(
            "../avatar/src/main/resources/META-INF/proguard/secondme-avatar.pro",
            "consumer-rules.pro",
        )
        ndk {
            // The devices there are, and the emulators. All are built by `build-natives`.
            abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64")
        }
    }

    sourceSets["main"].apply {
        kotlin.srcDirs("src/main/kotlin", "../avatar/src/main/kotlin", "../avatar/src/main/generated")
        jniLibs.srcDirs("jniLibs")
        resources.srcDirs("legal")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    packaging {
        // Not packed: mapped as they lie in the APK, whose alignment then counts (16 KB).
        jniLibs.useLegacyPackaging = false
    }

    lint {
        // UniFFI looks for java.lang.ref.Cleaner (API 33) by name, and has JNA's where there is none.
        disable += "NewApi"
    }

    publishing {
        singleVariant("release") {
            withSourcesJar()
        }
    }
}

kotlin {
    jvmToolchain(17)
}

dependencies {
    api("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.10.2")
    // Aligned for 16-KB pages since 5.18. The AAR of it: the plain jar has no libraries for Android.
    implementation("net.java.dev.jna:jna:5.19.1@aar")
    // The Kotlin half of rustls-platform-verifier, of the very version that Cargo.lock has: see README.md.
    implementation(files("libs/rustls-platform-verifier.aar"))
}

publishing {
    publications {
        register<MavenPublication>("release") {
            artifactId = "secondme-avatar-android"
            afterEvaluate { from(components["release"]) }
        }
    }
}
