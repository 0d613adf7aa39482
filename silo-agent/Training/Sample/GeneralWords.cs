// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Sample;

/// <summary>The words of the general text.</summary>
internal static class GeneralWords
{
    /// <summary>In front of people and things.</summary>
    public static string[] Determiners { get; } = ["the", "a", "my", "your", "our", "this", "that", "one", "his", "her", "their", "another", "every", "no"];

    /// <summary>How words begin that want "an".</summary>
    public static string[] Vocal { get; } = ["a", "e", "i", "o", "umb", "honest"];

    /// <summary>Names.</summary>
    public static string[] Names { get; } = ["Anna", "Tom", "Mira", "Peter", "Lucia", "Omar", "Sofia", "Jonas", "Leila", "Victor", "Nora", "Felix"];

    /// <summary>People by what they do.</summary>
    public static string[] People { get; } =
    [
        "teacher", "neighbour", "painter", "gardener", "guide", "baker", "student", "driver", "brother", "captain", "librarian", "aunt", "farmer", "reporter",
        "singer", "carpenter", "child", "friend", "traveller", "cook", "sailor", "tailor", "writer", "shepherd", "postman", "judge", "mechanic", "dancer", "sister", "builder",
    ];

    /// <summary>Things.</summary>
    public static string[] Things { get; } =
    [
        "chair", "garden gate", "map", "boat", "morning paper", "bicycle", "kitchen window", "song", "loaf of bread", "village clock", "box of apples", "stone bridge", "lamp", "first page", "piece of music",
        "recipe", "train", "book", "museum", "long walk", "winter market", "answer", "road", "journey", "story", "river", "mountain path", "wooden table", "coat", "kettle", "ladder", "photograph", "camera",
        "piano", "basket", "candle", "mirror", "roof", "tower", "field", "orchard", "bottle", "blanket", "hammer", "engine", "wheel", "radio", "puzzle", "island", "festival", "ticket", "suitcase", "umbrella", "fence",
    ];

    /// <summary>Regular verbs that take an object.</summary>
    public static string[] Verbs { get; } =
    [
        "repair", "describe", "open", "paint", "follow", "remember", "clean", "watch", "explain", "collect", "visit", "pack", "finish", "load", "polish", "borrow", "wash", "turn", "fold", "cover",
        "lift", "share", "imagine", "discover", "prepare", "mention", "count", "join", "notice", "protect", "divide", "improve", "deliver", "arrange", "believe", "expect", "include", "produce", "receive", "support",
    ];

    /// <summary>Where.</summary>
    public static string[] Places { get; } =
    [
        "near the river", "behind the school", "in the market", "on the hill", "at the station", "under the trees", "by the sea", "in the next room", "along the road", "in the old town",
        "between two houses", "above the shop", "inside the barn", "across the square", "next to the church", "at home", "from the balcony", "through the forest", "around the corner", "below the bridge",
    ];

    /// <summary>When.</summary>
    public static string[] Times { get; } =
    [
        "in the morning", "after dinner", "every Sunday", "last winter", "before the rain", "when the light is good", "for the first time", "twice a week", "on the second day", "during the summer",
        "at midnight", "once a year", "as soon as possible", "until Friday", "while the others sleep", "since March", "in two hours", "after a short break", "before breakfast", "on most evenings",
    ];

    /// <summary>How something is.</summary>
    public static string[] Qualities { get; } =
    [
        "quiet", "bright", "heavy", "simple", "early", "warm", "narrow", "useful", "strange", "open", "careful", "green", "slow", "safe", "common", "similar", "different", "several", "important", "small",
        "large", "young", "old", "possible", "rare", "normal", "severe", "special", "certain", "main", "clear", "deep", "gentle", "honest", "proud", "round", "sharp", "wide", "yellow", "blue",
    ];

    /// <summary>Why, and other second halves.</summary>
    public static string[] Reasons { get; } =
    [
        "because the days are longer", "since nobody else knew the way", "so that everyone could see it", "although it was late", "if there is enough time", "and the children were glad", "but the shop was closed", "until the music stopped",
        "which is more than we need", "who may also be there", "as it can cause trouble", "or it might be lost", "because it has been changed", "when this does not help", "even if most people do not know it", "such as in other countries",
    ];

    /// <summary>How made-up syllables begin.</summary>
    public static string[] Onsets { get; } = ["b", "c", "ch", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "qu", "r", "s", "st", "t", "tr", "v", "w", "x", "y", "z", "pl", "gr", "sh", "ph", "th", "pr", "con", "re", "in", "de", ""];

    /// <summary>Their middles.</summary>
    public static string[] Vowels { get; } = ["a", "e", "i", "o", "u", "ea", "io", "ou", "ai", "y", "ee", "oo", "ae"];

    /// <summary>Their ends.</summary>
    public static string[] Codas { get; } = ["", "", "n", "r", "s", "t", "l", "m", "ck", "ng", "x", "rd", "st", "ne", "ve", "tion", "ment", "ing", "al", "ic", "ive", "ed", "ly"];
}
