package me.secondme.avatar.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import me.secondme.avatar.testing.AvatarEmulator;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import javax.tools.ToolProvider;

/** The README's programs are compiled as a new user would, by Java 17's compiler, and run. */
class ReadmeTest {
    private static final Map<String, String> SAID =
            Map.of(
                    "Quickstart",
                    """
                    Hello! 👋
                    You said: Hello, tell me about yourself
                    You said: And what are you working on? (AVATAR)
                    deadline, worth another try: true: the message did not finish within its deadline
                    """,
                    "Later",
                    """
                    You said: I am ada
                    You said: I am ben
                    """,
                    "Listen",
                    """
                    opened in room 7: Hello! 👋
                    heard: You said: Is anyone there?
                    """,
                    "Durable",
                    """
                    taken: true
                    first time here: true
                    said before: This is said, whatever becomes of this process
                    kept: [%s]
                    """
                            .formatted(Visitor.forUser("web", "ada")));

    @Test
    void everyProgramOfTheReadmeRuns(@TempDir Path folder) throws Exception {
        Map<String, Path> programs = programs(folder);
        assertEquals(
                List.of("BotTest", "Custom", "Durable", "Later", "Listen", "Quickstart"),
                List.copyOf(programs.keySet()));
        compile(folder, programs.values().stream().map(Path::toString).toList());
        for (String name : SAID.keySet()) {
            try (AvatarEmulator emulator = AvatarEmulator.start()) {
                assertEquals(SAID.get(name), run(folder, emulator, name), name);
            }
        }
    }

    @Test
    void theCustomIntegrationAnswersWhatIsTyped(@TempDir Path folder) throws Exception {
        compile(folder, List.of(programs(folder).get("Custom").toString()));
        try (AvatarEmulator emulator = AvatarEmulator.start()) {
            List<String> said =
                    run(folder, emulator, "Custom", "ada Hello", "ben /raw", "ada again")
                            .lines()
                            .toList();
            String told =
                    String.join(
                            "",
                            said.stream()
                                    .filter(line -> line.startsWith("ada: "))
                                    .map(line -> line.substring(5))
                                    .toList());
            assertEquals("You said: HelloYou said: again", told, said.toString());
            assertTrue(
                    said.stream().anyMatch(line -> line.matches("ben: [\\[{].*")), said.toString());
            emulator.post(
                    "faults",
                    "{\"at\": \"auth\", \"do\": {\"fail\": {\"code\":"
                            + " \"open.api.key.not.found\"}}}");
            assertEquals(
                    "eve: Sorry, there is no answer just now.\n",
                    run(folder, emulator, "Custom", "eve Hello"));
        }
    }

    @Test
    void theTestOfTheReadmePasses(@TempDir Path folder) throws Exception {
        compile(folder, List.of(programs(folder).get("BotTest").toString()));
        try (var classes =
                new java.net.URLClassLoader(new java.net.URL[] {folder.toUri().toURL()})) {
            var request =
                    org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder.request()
                            .selectors(
                                    org.junit.platform.engine.discovery.DiscoverySelectors
                                            .selectClass(classes.loadClass("BotTest")))
                            .filters(
                                    org.junit.platform.launcher.EngineFilter.includeEngines(
                                            "junit-jupiter"))
                            .build();
            var listener = new org.junit.platform.launcher.listeners.SummaryGeneratingListener();
            org.junit.platform.launcher.core.LauncherFactory.create().execute(request, listener);
            var summary = listener.getSummary();
            assertEquals(
                    List.of(),
                    summary.getFailures().stream().map(it -> it.getException()).toList());
            assertEquals(1, summary.getTestsSucceededCount());
        }
    }

    /** Each in a file of its own, as its class is named. */
    private static Map<String, Path> programs(Path folder) throws IOException {
        Map<String, Path> programs = new TreeMap<>();
        Matcher block =
                Pattern.compile("```java\n(.*?)```", Pattern.DOTALL)
                        .matcher(Files.readString(Path.of("README.md")));
        while (block.find()) {
            Matcher name =
                    Pattern.compile("^(?:public )?class (\\w+)", Pattern.MULTILINE)
                            .matcher(block.group(1));
            assertTrue(name.find(), block.group(1));
            Path file = folder.resolve(name.group(1) + ".java");
            programs.put(name.group(1), Files.writeString(file, block.group(1)));
        }
        return programs;
    }

    private static void compile(Path folder, List<String> files) {
        List<String> options =
                List.of(
                        "--release",
                        "17",
                        "-Xlint:all,-processing,-classfile,-try",
                        "-Werror",
                        "-d",
                        folder.toString(),
                        "-cp",
                        classPath());
        String[] all = Stream.concat(options.stream(), files.stream()).toArray(String[]::new);
        assertEquals(0, ToolProvider.getSystemJavaCompiler().run(null, null, null, all));
    }

    private static String run(Path folder, AvatarEmulator emulator, String name, String... typed)
            throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        ProcessBuilder program =
                new ProcessBuilder(
                        java,
                        "-Djna.library.path=" + System.getProperty("jna.library.path"),
                        "-Dsun.stdout.encoding=UTF-8",
                        "-Dstdout.encoding=UTF-8",
                        "-cp",
                        folder + File.pathSeparator + classPath(),
                        name);
        program.environment().put("SECONDME_API_KEY", emulator.apiKey());
        program.environment().put("SECONDME_BASE_URL", emulator.baseUrl());
        Process running =
                program.directory(folder.toFile())
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start();
        try (var keyboard = running.outputWriter(StandardCharsets.UTF_8)) {
            keyboard.write(String.join("\n", typed));
        }
        return running.inputReader(StandardCharsets.UTF_8)
                .lines()
                .map(line -> line + "\n")
                .reduce("", String::concat);
    }

    private static String classPath() {
        return System.getProperty(
                "surefire.test.class.path", System.getProperty("java.class.path"));
    }
}
