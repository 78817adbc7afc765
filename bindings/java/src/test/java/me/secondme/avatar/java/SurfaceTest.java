package me.secondme.avatar.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a Java program sees: Java alone, and all that Kotlin has. */
class SurfaceTest {
    private static final String HERE = "me.secondme.avatar.java.";

    /**
     * Kotlin's classes whose calls are written by hand here. What is generated comes from the same
     * templates' model.
     */
    private static final Map<Class<?>, Class<?>> PAIRS =
            Map.of(
                    me.secondme.avatar.AvatarClient.class,
                    AvatarClient.class,
                    me.secondme.avatar.AvatarClient.Companion.getClass(),
                    AvatarClient.class,
                    me.secondme.avatar.Conversation.class,
                    Conversation.class,
                    me.secondme.avatar.Subscription.class,
                    Subscription.class,
                    me.secondme.avatar.ReplyStream.class,
                    ReplyStream.class,
                    me.secondme.avatar.Visitor.class,
                    Visitor.class,
                    me.secondme.avatar.Credentials.class,
                    Credentials.class,
                    me.secondme.avatar.Note.class,
                    Note.class,
                    me.secondme.avatar.Piece.class,
                    Piece.class,
                    me.secondme.avatar.AvatarLog.class,
                    AvatarLog.class);

    /** What Kotlin has for Kotlin alone, and what there is in its place. */
    private static final Set<String> KOTLIN_ONLY =
            Set.of(
                    "use",
                    "closeAfter", // try
                    "closeBlocking", // close
                    "ended", // waitFor
                    "takeIf", // waitForAsync
                    "collect", // a loop, subscribe
                    "getFilter",
                    "getHandler", // set here, and read nowhere
                    "getEvents",
                    "dispatch");

    @Test
    void aJavaProgramSeesJavaAlone() throws IOException {
        List<String> wrong = new ArrayList<>();
        List<Class<?>> seen = seen();
        assertTrue(seen.size() > 60, seen.toString());
        for (Class<?> type : seen) {
            assertFalse(
                    Arrays.stream(type.getAnnotations())
                            .anyMatch(
                                    it -> it.annotationType().getName().equals("kotlin.Metadata")),
                    type + " is Kotlin's");
            List<Member> members = new ArrayList<>();
            members.addAll(List.of(type.getDeclaredMethods()));
            members.addAll(List.of(type.getDeclaredConstructors()));
            members.addAll(List.of(type.getDeclaredFields()));
            for (Member member : members) {
                boolean isSeen =
                        (member.getModifiers() & (Modifier.PUBLIC | Modifier.PROTECTED)) != 0;
                if (!isSeen || member.isSynthetic()) {
                    continue;
                }
                if (!member.getName().matches("[\\w.$]+")
                        || member.getName().matches("Companion|INSTANCE")) {
                    wrong.add(type.getName() + " has " + member.getName());
                }
                for (Type named : types(member)) {
                    if (!isJava(named)) {
                        wrong.add(member + " names " + named);
                    }
                }
            }
        }
        assertEquals(List.of(), wrong);
    }

    @Test
    void everyCallOfKotlinIsThere() {
        List<String> missing = new ArrayList<>();
        PAIRS.forEach(
                (kotlin, java) -> {
                    Set<String> there = names(java);
                    for (Method method : kotlin.getDeclaredMethods()) {
                        boolean isApi =
                                Modifier.isPublic(method.getModifiers()) && !method.isSynthetic();
                        // What is internal has its module's name in its own; of what takes a
                        // duration a hash.
                        String name = method.getName().replaceFirst("-.*", "");
                        if (!isApi || name.contains("$") || KOTLIN_ONLY.contains(name)) {
                            continue;
                        }
                        boolean isSuspending =
                                Arrays.stream(method.getParameterTypes())
                                        .anyMatch(
                                                it ->
                                                        it.getName()
                                                                .equals(
                                                                        "kotlin.coroutines.Continuation"));
                        String plain =
                                name.matches("get[A-Z].*")
                                        ? name.substring(3, 4).toLowerCase() + name.substring(4)
                                        : name;
                        if (!there.contains(name) && !there.contains(plain)) {
                            missing.add(java.getSimpleName() + "." + name);
                        }
                        // An event that is taken must not be lost with a future that is cancelled.
                        if (isSuspending
                                && !name.equals("next")
                                && !there.contains(name + "Async")) {
                            missing.add(java.getSimpleName() + "." + name + "Async");
                        }
                    }
                });
        assertEquals(List.of(), missing);
    }

    @Test
    void everyOptionEventErrorAndValueIsThere() throws IOException {
        Set<String> options = new TreeSet<>();
        for (Method method : me.secondme.avatar.ClientOptions.class.getMethods()) {
            if (method.getName().startsWith("set")
                    && !method.getName().matches("set(Language).*")) {
                String name = method.getName().replaceFirst("-.*", "").substring(3);
                options.add(name.substring(0, 1).toLowerCase() + name.substring(1));
            }
        }
        assertTrue(options.size() > 30, options.toString());
        Set<String> builder = names(ClientOptions.Builder.class);
        builder.remove("build");
        assertEquals(options, builder);

        Set<String> listener = new TreeSet<>(names(ConversationListener.class));
        for (Class<?> kotlin :
                classes(me.secondme.avatar.AvatarClient.class, "me.secondme.avatar")) {
            String name = kotlin.getName().replace("me.secondme.avatar.", HERE);
            boolean isValue =
                    name.matches(".*\\.(Event|AvatarException|Part|Gap|CloseReason)(\\$\\w+)?")
                            || kotlin.isEnum()
                            || name.matches(
                                    ".*\\.(Reply|Card|Sent|UnsentMessage|ServiceError|HistoryMessage|CallReport|Stats)");
            if (!isValue
                    || !Modifier.isPublic(kotlin.getModifiers())
                    || name.endsWith("$Origin")
                    || name.endsWith("$Companion")
                    || name.endsWith("$WhenMappings")) {
                continue;
            }
            Class<?> java = find(name);
            if (java.isEnum()) {
                assertEquals(constants(kotlin), constants(java));
                continue;
            }
            for (Method method : kotlin.getDeclaredMethods()) {
                String getter = method.getName().replaceFirst("-.*", "");
                if (Modifier.isPublic(method.getModifiers()) && getter.matches("get[A-Z].*")) {
                    String plain = getter.substring(3, 4).toLowerCase() + getter.substring(4);
                    assertTrue(
                            names(java).contains(plain.equals("wait") ? "waitTime" : plain),
                            name + " has no " + plain);
                }
            }
            if (name.startsWith(HERE + "Event$")) {
                assertTrue(listener.remove("on" + kotlin.getSimpleName()), "no method for " + name);
            }
        }
        assertEquals(Set.of("onEvent", "onThrown"), listener);
    }

    private static Class<?> find(String name) {
        try {
            return Class.forName(name, false, SurfaceTest.class.getClassLoader());
        } catch (ClassNotFoundException missing) {
            throw new AssertionError("Java has no " + name, missing);
        }
    }

    private static List<String> constants(Class<?> of) {
        return Arrays.stream(of.getEnumConstants()).map(Object::toString).toList();
    }

    private static Set<String> names(Class<?> type) {
        return Stream.of(type.getMethods())
                .filter(it -> it.getDeclaringClass() != Object.class)
                .map(Method::getName)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    /** The public classes of this package, and those in them. */
    private static List<Class<?>> seen() throws IOException {
        return classes(AvatarClient.class, HERE.substring(0, HERE.length() - 1)).stream()
                // What has no name of its own in a source cannot be named by another one.
                .filter(type -> !type.isSynthetic() && !type.getName().matches(".*\\$[a-z0-9].*"))
                .filter(
                        type -> {
                            for (Class<?> at = type; at != null; at = at.getDeclaringClass()) {
                                if ((at.getModifiers() & (Modifier.PUBLIC | Modifier.PROTECTED))
                                        == 0) {
                                    return false;
                                }
                            }
                            return true;
                        })
                .toList();
    }

    /** All classes of this package in the folder or the jar that this one is in. */
    private static List<Class<?>> classes(Class<?> one, String of) throws IOException {
        URI place = URI.create(one.getProtectionDomain().getCodeSource().getLocation().toString());
        if (Files.isDirectory(Path.of(place))) {
            return classes(Path.of(place), of);
        }
        try (FileSystem jar = FileSystems.newFileSystem(Path.of(place))) {
            return classes(jar.getPath("/"), of);
        }
    }

    private static List<Class<?>> classes(Path root, String of) throws IOException {
        try (Stream<Path> files = Files.list(root.resolve(of.replace('.', '/')))) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".class") && !name.startsWith("package-info"))
                    .<Class<?>>map(name -> find(of + "." + name.substring(0, name.length() - 6)))
                    .toList();
        }
    }

    private static List<Type> types(Member member) {
        if (member instanceof Field field) {
            return List.of(field.getGenericType());
        }
        Executable executable = (Executable) member;
        List<Type> types = new ArrayList<>(List.of(executable.getGenericParameterTypes()));
        types.addAll(List.of(executable.getGenericExceptionTypes()));
        if (executable instanceof Method method) {
            types.add(method.getGenericReturnType());
        } else {
            assertTrue(executable instanceof Constructor<?>);
        }
        return types;
    }

    private static boolean isJava(Type type) {
        if (type instanceof ParameterizedType of) {
            return isJava(of.getRawType())
                    && Arrays.stream(of.getActualTypeArguments()).allMatch(SurfaceTest::isJava);
        }
        if (type instanceof WildcardType any) {
            return Stream.of(any.getUpperBounds(), any.getLowerBounds())
                    .flatMap(Arrays::stream)
                    .allMatch(SurfaceTest::isJava);
        }
        if (type instanceof Class<?> plain) {
            Class<?> of = plain.isArray() ? plain.getComponentType() : plain;
            String name = of.getName();
            boolean isOurs = name.startsWith(HERE) && Modifier.isPublic(of.getModifiers());
            return of.isPrimitive() || name.startsWith("java.") || isOurs;
        }
        return true; // A type variable, whose bounds are looked at where it is declared.
    }
}
