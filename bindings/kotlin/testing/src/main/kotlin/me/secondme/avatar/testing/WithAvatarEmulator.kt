package me.secondme.avatar.testing

import org.junit.jupiter.api.extension.AfterAllCallback
import org.junit.jupiter.api.extension.BeforeAllCallback
import org.junit.jupiter.api.extension.ExtendWith
import org.junit.jupiter.api.extension.ExtensionContext
import org.junit.jupiter.api.extension.ParameterContext
import org.junit.jupiter.api.extension.ParameterResolver
import org.junit.platform.commons.support.AnnotationSupport
import java.lang.annotation.Inherited

/**
 * Starts an [AvatarEmulator] for the tests of a class (JUnit 5 or 6), which take it as a parameter:
 *
 * ```
 * @WithAvatarEmulator
 * class BotTest {
 *     @Test
 *     void answers(AvatarEmulator emulator) { … }
 * }
 * ```
 *
 * The tests of the class share it. It ends after the last of them. It may stand on an annotation of your own or on an
 * interface, for several classes.
 *
 * @property value options of the emulator's command line.
 */
@Target(AnnotationTarget.CLASS)
@Inherited
@ExtendWith(AvatarEmulatorExtension::class)
public annotation class WithAvatarEmulator(vararg val value: String = [])

internal class AvatarEmulatorExtension :
    BeforeAllCallback,
    AfterAllCallback,
    ParameterResolver {
    override fun beforeAll(context: ExtensionContext) {
        // A nested class has its outer class's.
        if (context.emulator() != null) return
        // As JUnit finds extensions: in annotations of the program's own and in interfaces too.
        val wanted =
            AnnotationSupport.findAnnotation(context.requiredTestClass, WithAvatarEmulator::class.java).orElseThrow {
                IllegalStateException("${context.requiredTestClass.name} has no @WithAvatarEmulator: annotate it so")
            }
        context.store().put(KEY, AvatarEmulator.start(*wanted.value))
    }

    override fun afterAll(context: ExtensionContext) {
        context.store().remove(KEY, AvatarEmulator::class.java)?.close()
    }

    override fun supportsParameter(parameter: ParameterContext, context: ExtensionContext): Boolean =
        parameter.parameter.type == AvatarEmulator::class.java

    override fun resolveParameter(parameter: ParameterContext, context: ExtensionContext): Any? = context.emulator()

    private fun ExtensionContext.emulator() = store().get(KEY, AvatarEmulator::class.java)

    private fun ExtensionContext.store() =
        getStore(ExtensionContext.Namespace.create(AvatarEmulatorExtension::class.java))

    private companion object {
        const val KEY = "emulator"
    }
}
