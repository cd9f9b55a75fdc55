plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

android {
    namespace = "ofa.demo"
    compileSdk = 35

    defaultConfig {
        applicationId = "ofa.demo"
        minSdk = 26
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    }

    buildTypes {
        release {
            isMinifyEnabled = true
            isShrinkResources = true
            proguardFiles(getDefaultProguardFile("proguard-android-optimize.txt"), "proguard-rules.pro")
        }
    }

    // A bundle is not compressed inside the app, and none of it would get smaller.
    androidResources { noCompress += "ofab" }

    // Robolectric's tests need files that Python writes: pytest runs them with Maven.
    sourceSets.getByName("test").java.setSrcDirs(emptyList<String>())
}

kotlin {
    jvmToolchain(17)
}

dependencies {
    implementation(project(":core"))
    implementation(libs.litert)
    implementation(libs.executorch)
    androidTestImplementation(libs.junit)
    androidTestImplementation(libs.test.runner)
}
