/** Words that prompts are made of: with them as tokens an ordinary sentence fits into 77. */

const WORDS = `
a an and are at by for from in into is it its of off on or over the to under up with without near behind between
photo photograph picture painting drawing sketch portrait landscape render illustration poster icon logo style art
black white red green blue yellow orange purple pink brown grey golden silver neon bright dark light pale vivid colourful
cat dog horse bird fish fox wolf lion bear owl dragon robot astronaut knight wizard man woman child girl boy people person
face eyes hair hand house castle city street tower bridge car boat ship train plane road garden tree forest flower leaf
meadow field mountain mountains hill river lake sea ocean beach island desert sand snow ice rain storm cloud clouds sky
sun sunset sunrise moon night day morning evening star stars space planet fire water stone wood glass metal gold
small big tiny huge old new young happy sad cute beautiful ancient modern futuristic realistic detailed highly sharp
soft blurry quality best high low resolution cinematic lighting shadow background foreground view close wide wearing
holding standing sitting running flying watercolor oil pencil ink charcoal digital anime cartoon fantasy abstract minimal
circle square triangle line lines edge edges shape pattern ball cup table chair book lamp window door
`;

/** Lower case, letters only, each once. */
export const PROMPT_WORDS: readonly string[] = [...new Set(WORDS.trim().split(/\s+/))];
