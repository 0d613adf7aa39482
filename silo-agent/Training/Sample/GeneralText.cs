// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Sample;

/// <summary>Passages about everyday things, from <see cref="GeneralWords"/> and patterns: statements, questions with answers, instructions, letters and made-up words.</summary>
internal static class GeneralText
{
    /// <summary>One passage: mostly of known words, sometimes of made-up ones, so that the base model knows every letter and doubts its own habits.</summary>
    public static string Passage(SampleRandom random) => random.Next(10) switch
    {
        0 => MadeUp(random),
        1 => Definition(random),
        2 or 3 => Recall(random),
        4 or 5 => Instruction(random),
        _ => Statement(random),
    };

    private static string Statement(SampleRandom random)
    {
        string one = Person(random);
        string thing = Thing(random);
        string act = Act(random);
        string quality = random.Pick(GeneralWords.Qualities);
        string place = random.Pick(GeneralWords.Places);
        string time = random.Pick(GeneralWords.Times);
        string reason = random.Pick(GeneralWords.Reasons);
        int number = Number(random);
        string text = random.Next(16) switch
        {
            0 => $"{one} {Past(random)} {thing} {place}.",
            1 => $"{time}, {one} {Past(random)} {thing}, {reason}.",
            2 => $"{thing} was {quality} {time}, {reason}.",
            3 => $"what does {one} say about {thing}?",
            4 => $"first {one} {Past(random)} {thing}; then {Person(random)} {Past(random)} it again {time}.",
            5 => $"there are {number} people {place}, and {one} is one of them.",
            6 => $"please ask {one} about {thing} before you {act}.",
            7 => $"it took {number} minutes to walk from {thing} to {Thing(random)}.",
            8 => $"why is {thing} so {quality}? {reason}, said {one}.",
            9 => $"if {one} wants to {act}, {Person(random)} should wait {place}.",
            10 => $"you will receive {thing} within {number} days.",
            11 => $"{one} and {Person(random)} do not agree about {thing}, {reason}.",
            12 => $"to {act}, check the time and go {place}.",
            13 => $"it is {quality} to {act} {time}, but it is not {random.Pick(GeneralWords.Qualities)}.",
            14 => $"some of them {Past(random)} {thing}, others could not {act}.",
            _ => $"{one} has {thing}, {Thing(random)} and {Thing(random)}.",
        };
        return Capital(text);
    }

    // The answer stands in the text: a model that learns to look back gains here.
    private static string Recall(SampleRandom random)
    {
        string one = Person(random);
        string thing = Thing(random);
        string act = Act(random);
        string time = random.Pick(GeneralWords.Times);
        string place = random.Pick(GeneralWords.Places);
        int number = Number(random);
        return random.Next(6) switch
        {
            0 => $"{Capital(thing)} costs {number} coins. What does {thing} cost?\nIt costs {number} coins.\n",
            1 => $"{Capital(one)} wants to {act} {time}. When does {one} want to {act}?\n{Capital(time)}.\n",
            2 => $"{Capital(one)} keeps {thing} {place}. Where is {thing}?\nIt is {place}.\n",
            3 => $"{Capital(one)} {Past(random)} {thing}, not {Thing(random)}. What was it about?\nIt was about {thing}.\n",
            4 => $"First {act}, then {Act(random)}. What comes first?\nFirst {act}.\n",
            _ => $"{Capital(one)} asked for {thing}. Who asked for {thing}?\n{Capital(one)} asked for it.\n",
        };
    }

    private static string Instruction(SampleRandom random)
    {
        string thing = Thing(random);
        string act = Act(random);
        string then = Act(random);
        string time = random.Pick(GeneralWords.Times);
        string question = random.Next(5) switch
        {
            0 => $"What should be done about {thing}?",
            1 => $"How do I find {thing}?",
            2 => $"{Capital(Person(random))} asks: what is the plan for {thing}?",
            3 => $"Message {Number(random)}: {thing} is {random.Pick(GeneralWords.Qualities)}. What next?",
            _ => $"When is {thing} needed?",
        };
        string answer = random.Next(5) switch
        {
            0 => $"First {act}, then {then}.",
            1 => $"Look at it again {time}.",
            2 => $"It helps to {act}. Come back {time}.",
            3 => $"{Capital(act)} and {then}, {random.Pick(GeneralWords.Reasons)}.",
            _ => $"{Capital(time)}. Please {act}.",
        };
        return $"{question}\n{answer}\n";
    }

    private static string Definition(SampleRandom random)
    {
        string word = Word(random);
        string quality = random.Pick(GeneralWords.Qualities);
        string noun = random.Pick(GeneralWords.Things);
        return random.Next(3) switch
        {
            0 => $"A {word} is a {quality} {noun}. What is a {word}?\nIt is a {quality} {noun}.\n",
            1 => $"The {word} and the {Word(random)} are both {quality}, but only the {word} is a {noun}.",
            _ => $"Where can I buy a {word}?\nThe {noun} shop sells a {word} {random.Pick(GeneralWords.Times)}.\n",
        };
    }

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
        return Capital(text);
    }

    private static string Word(SampleRandom random) =>
        string.Concat(Enumerable.Range(0, 1 + random.Next(4)).Select(_ => random.Pick(GeneralWords.Onsets) + random.Pick(GeneralWords.Vowels) + random.Pick(GeneralWords.Codas)));

    private static string Person(SampleRandom random) => random.Next(4) switch
    {
        0 => random.Pick(GeneralWords.Names),
        1 => $"the {random.Pick(GeneralWords.Qualities)} {random.Pick(GeneralWords.People)}",
        _ => Determined(random, random.Pick(GeneralWords.People)),
    };

    private static string Thing(SampleRandom random) => random.Next(3) switch
    {
        0 => Determined(random, $"{random.Pick(GeneralWords.Qualities)} {random.Pick(GeneralWords.Things)}"),
        1 => $"the {random.Pick(GeneralWords.Things)} of {Person(random)}",
        _ => Determined(random, random.Pick(GeneralWords.Things)),
    };

    private static string Determined(SampleRandom random, string noun)
    {
        string determiner = random.Pick(GeneralWords.Determiners);
        return determiner is "a" && GeneralWords.Vocal.Any(beginning => noun.StartsWith(beginning, StringComparison.Ordinal)) ? $"an {noun}" : $"{determiner} {noun}";
    }

    private static string Act(SampleRandom random) => $"{random.Pick(GeneralWords.Verbs)} {Thing(random)}";

    private static string Past(SampleRandom random)
    {
        string verb = random.Pick(GeneralWords.Verbs);
        return verb.EndsWith('e') ? verb + "d" : verb + "ed";
    }

    private static int Number(SampleRandom random) => 2 + random.Next(98);

    private static string Capital(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
