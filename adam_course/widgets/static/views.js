// Every view by the name that its widget has.

const WIDGETS = { explorer: renderExplorer, microscope: renderMicroscope, quiz: renderQuiz };
