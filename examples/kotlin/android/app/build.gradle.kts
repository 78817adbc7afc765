plugins {
    id("com.android.application")
    id("org.jetbrains.kotlin.android")
    id("org.jetbrains.kotlin.plugin.compose")
}

android {
    namespace = "me.secondme.avatar.sample"
    compileSdk = 36

    defaultConfig {
        applicationId = "me.secondme.avatar.sample"
        minSdk = 24
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
        // Your server, which has the API key: examples/python/credentials_server.py on this machine, as the emulated device sees it.
        val server = providers.environmentVariable("CREDENTIALS_URL").getOrElse("http://10.0.2.2:8000/avatar")
        buildConfigField("String", "CREDENTIALS_URL", "\"$server\"")
        // Stands for the login of your app: what its server knows the signed-in user by.
        buildConfigField("String", "SESSION", "\"session-of-ada\"")
    }

    buildFeatures {
        buildConfig = true
        compose = true
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"))
        }
    }

    // The view model, which is tested on the JVM: examples/kotlin/chatmodel.
    sourceSets["main"].kotlin.srcDirs("src/main/kotlin", "../../chatmodel/src/main/kotlin")

    compileOptions {
        // For java.time.Instant before API level 26.
        isCoreLibraryDesugaringEnabled = true
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

dependencies {
    coreLibraryDesugaring("com.android.tools:desugar_jdk_libs:2.1.5")
    implementation("me.secondme:secondme-avatar-android:0.1.0")
    implementation(platform("androidx.compose:compose-bom:2025.10.00"))
    implementation("androidx.compose.material3:material3")
    implementation("androidx.activity:activity-compose:1.11.0")
    implementation("androidx.lifecycle:lifecycle-viewmodel-compose:2.9.4")
    implementation("androidx.lifecycle:lifecycle-runtime-compose:2.9.4")
}
