// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Sample;

/// <summary>Sentences about everyday things, from word lists and patterns.</summary>
internal static class GeneralText
{
    private static readonly string[] People =
        ["the teacher", "my neighbour", "a young painter", "the old gardener", "our guide", "the baker", "a student", "the driver", "her brother", "the captain", "a visitor", "the librarian", "his aunt", "the farmer", "the reporter"];

    private static readonly string[] Verbs =
        ["finds", "repairs", "describes", "carries", "opens", "paints", "follows", "remembers", "measures", "cleans", "brings", "watches", "explains", "collects", "sells", "returns"];

    private static readonly string[] Things =
        ["a wooden chair", "the garden gate", "an old map", "two small boats", "the morning paper", "a red bicycle", "the kitchen window", "a long letter", "some fresh bread", "the village clock", "a box of apples", "the stone bridge", "a blue lamp", "the first page", "a piece of music"];

    private static readonly string[] Places =
        ["near the river", "behind the school", "in the market", "on the hill", "at the station", "under the trees", "by the sea", "in the next room", "along the road", "in the old town"];

    private static readonly string[] Times =
        ["in the morning", "after dinner", "every Sunday", "last winter", "before the rain", "when the light is good", "at noon", "for the first time", "twice a week", "on the second day"];

    private static readonly string[] Qualities =
        ["quiet", "bright", "heavy", "simple", "early", "warm", "narrow", "useful", "strange", "open", "careful", "green", "slow", "safe"];

    private static readonly string[] Subjects =
        ["the weather", "a good recipe", "the train", "this book", "the museum", "a long walk", "the winter market", "an honest answer", "the new road", "our journey"];

    private static readonly string[] Reasons =
        ["because the days are longer", "since nobody else knew the way", "so that everyone could see it", "although it was late", "if there is enough time", "and the children were glad", "but the shop was closed", "until the music stopped"];

    private static readonly string[] Onsets = ["b", "c", "ch", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "qu", "r", "s", "st", "t", "tr", "v", "w", "x", "y", "z", "pl", "gr", "sh", ""];
    private static readonly string[] Vowels = ["a", "e", "i", "o", "u", "ea", "io", "ou", "ai", "y"];
    private static readonly string[] Codas = ["", "n", "r", "s", "t", "l", "m", "ck", "ng", "x", "rd", "st", "ne", "ve"];

    /// <summary>One sentence: mostly of known words, sometimes of made-up ones, so that the base model knows every letter and doubts its own habits.</summary>
    public static string Sentence(SampleRandom random) => random.Next(4) == 0 ? MadeUp(random) : Known(random);

    private static string MadeUp(SampleRandom random)
    {
        string[] words = [.. Enumerable.Range(0, 4 + random.Next(8)).Select(_ => Word(random))];
        string mark = random.Pick<string>([".", "?", "!", ":", ";", ",", " -", "/"]);
        string text = random.Next(5) switch
        {
            0 => $"{words[0].ToUpperInvariant()} {string.Join(' ', words[1..])}{mark}",
            1 => $"{string.Join(' ', words[..2])} ({random.Next(10_000)}) {string.Join(' ', words[2..])}{mark}",
            2 => $"\"{string.Join(' ', words)}\"{mark}",
            _ => string.Join(' ', words) + mark,
        };
        return char.ToUpperInvariant(text[0]) + text[1..];
    }

    private static string Word(SampleRandom random) =>
        string.Concat(Enumerable.Range(0, 1 + random.Next(4)).Select(_ => random.Pick(Onsets) + random.Pick(Vowels) + random.Pick(Codas)));

    private static string Known(SampleRandom random)
    {
        string person = random.Pick(People);
        string other = random.Pick(People);
        string verb = random.Pick(Verbs);
        string thing = random.Pick(Things);
        string place = random.Pick(Places);
        string time = random.Pick(Times);
        string quality = random.Pick(Qualities);
        string subject = random.Pick(Subjects);
        string reason = random.Pick(Reasons);
        int number = 2 + random.Next(98);
        string text = random.Next(14) switch
        {
            0 => $"{person} {verb} {thing} {place}.",
            1 => $"{time}, {person} {verb} {thing}, {reason}.",
            2 => $"{subject} was {quality} {time}, {reason}.",
            3 => $"what does {person} say about {subject}?",
            4 => $"first {person} {verb} {thing}; then {other} {verb} it again {time}.",
            5 => $"there are {number} people {place}, and {person} is one of them.",
            6 => $"please ask {person} about {thing} before you leave.",
            7 => $"it took {number} minutes to walk from the gate to {thing}.",
            8 => $"why is {subject} so {quality}? {reason}, said {person}.",
            9 => $"if {person} {verb} {thing}, {other} should wait {place}.",
            10 => $"you will receive {thing} within {number} days.",
            11 => $"{person} and {other} do not agree about {subject}, {reason}.",
            12 => $"to see {subject}, check the time, take {thing} and go {place}.",
            _ => $"how do I find {thing}? start {place} and look for something {quality}.",
        };
        return char.ToUpperInvariant(text[0]) + text[1..];
    }
}
